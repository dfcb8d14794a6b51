"""What the kinds cover that the model does not read: one module for each family of kinds."""
