-- Retention reads the history by its primary key, sentry by sentry: where old rows give room to new ones, a page tells nothing of
-- how old its rows are.
drop index sentry_history_age;

insert into schema_compatibility (version, works_from) values (20, 12);
