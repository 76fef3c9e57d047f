"""A kind of model, of dataset, of metric and of source, as a package of one's own adds them."""
