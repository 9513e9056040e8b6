"""segline: from raw competition files to a scored segmentation submission."""
