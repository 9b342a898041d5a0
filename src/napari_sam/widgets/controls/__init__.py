"""Small controls of Qt, for any dock."""
