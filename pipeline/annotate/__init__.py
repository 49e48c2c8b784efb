"""The annotate stage: documents and texts in, claims, dates and stances out (`stage.annotate`)."""
