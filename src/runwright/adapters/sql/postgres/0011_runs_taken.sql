-- Runs that a process has taken and not begun: what a bound on the runs of a tenant counts, beside those that
-- are under way. A run is in it for a moment.
CREATE INDEX runs_taken ON runs (tenant) WHERE worker IS NOT NULL AND status = 'pending';
