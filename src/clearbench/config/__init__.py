"""What people write, read strictly: models, datasets, the site; and the settings of jobs."""
