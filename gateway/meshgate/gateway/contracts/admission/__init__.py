"""The admission of releases: judged, compiled on trial, and stored when they keep their skills' contracts."""
