"""Clips made of single images."""
