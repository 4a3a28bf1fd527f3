"""The method: tensors and arrays in, tensors and arrays out."""
