-- What the scheduler called the GPUs of a run, sorted: weights by model charge by it, and rows of devices without a
-- position have no other trace of it. '?': the row is older than this column. Re-runnable: yes. Mutation: no.
ALTER TABLE runs ADD COLUMN IF NOT EXISTS gpu_types Array(LowCardinality(String)) DEFAULT ['?'] AFTER scheduled_gpus;
