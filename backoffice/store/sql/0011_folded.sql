-- Whether a name is a device's but for the case of its letters.

-- Only ids with capitals: the others are found by device_by_id.  The deleted ones are nobody's.
CREATE INDEX device_by_small_id ON device (tenant, lower(device_id) /*, id*/)
	WHERE device_id <> lower(device_id) AND state <> 'deleted';
