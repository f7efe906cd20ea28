"""MVEI (arXiv 2509.21950): statements about the emotions of images, correct or incorrect."""
