"""Real services that tests talk to: the ones that run here, or private ones from the installed programs."""
