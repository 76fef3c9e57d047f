"""Where configs are searched: the user's folders first, then ours.

Hydra appends `--config-dir` after the program's own configs, so that a user's `experiment/ioi.yaml`
would be passed over without a word where we ship one. Here a user's file wins, whatever its group,
`config.yaml` included.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from hydra._internal.utils import get_args_parser
from hydra.core.config_search_path import ConfigSearchPath, SearchPathQuery
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin

from pathpatch_runner.errors import ConfigError

OURS = "main"
"""What Hydra calls the program's own configs."""
USERS = "command-line"

_folders: ContextVar[tuple[Path, ...]] = ContextVar("folders", default=())


class UserFolders(SearchPathPlugin):
    """Puts the folders of `users_first` before ours. Hydra makes one without arguments."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """As Hydra calls it, once for every search path it makes."""
        ours = any(element.provider == OURS for element in search_path.get_path())
        for folder in reversed(_folders.get() if ours else ()):
            search_path.prepend(USERS, f"file://{folder}", SearchPathQuery(provider=OURS))


@contextmanager
def users_first(folders: Sequence[Path | str]) -> Iterator[None]:
    """While Hydra composes, these folders come before ours, the first first.

    Raises ConfigError for a folder that is not there.
    """
    Plugins.instance().register(UserFolders)
    found = tuple(Path(folder).expanduser().resolve() for folder in folders)
    for given, folder in zip(folders, found, strict=True):
        if not folder.is_dir():
            raise ConfigError(
                f'--config-dir: no folder "{given}". It holds a folder for each group, such as '
                "experiment/my.yaml"
            )
    token = _folders.set(found)
    try:
        yield
    finally:
        _folders.reset(token)


def config_path() -> str:
    """The repository's `conf` where there is one, else the one inside the package."""
    folder = Path(__file__).parents[3] / "conf"
    return str(folder) if (folder / "config.yaml").is_file() else "pkg://pathpatch_runner.conf"


def argv_of(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """(what `--config-dir` names, the overrides), as Hydra parses them."""
    known, _ = get_args_parser().parse_known_args(list(argv))
    return ([] if known.config_dir is None else [known.config_dir]), list(known.overrides)
