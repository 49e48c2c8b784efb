"""On Record: raw news texts in, versioned, checked, citable data packages of claims out."""
