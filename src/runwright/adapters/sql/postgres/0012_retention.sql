-- How long ended runs of a tenant are kept; NULL: as long as the settings say, 0: for ever.
ALTER TABLE tenants ADD COLUMN retention_days bigint;
