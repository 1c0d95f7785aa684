"""Maps: an estimator asked at every cell of an area, with how far each answer can be trusted."""
