"""Real tiny models: trained, unlearned, evaluated, killed and gone on."""
