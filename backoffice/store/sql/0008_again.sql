-- What comes again, and what is due.

-- The deleted device that had a trust anchor: whether a device is one that was here before is asked at each registration.
CREATE INDEX device_anchor_before ON device (tenant, anchor /*, id*/) WHERE anchor IS NOT NULL AND state = 'deleted';

CREATE INDEX ca_order_by_due ON ca_order (ca, due_ms /*, id*/);
