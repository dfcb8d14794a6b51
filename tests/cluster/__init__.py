"""What is read of clusters, written for them, and compared with them."""
