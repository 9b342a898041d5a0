"""Every object of many images."""
