-- Which events of its types an endpoint wants: a JSON object, or null for all of them.

-- As it was sent: jsonb would reorder its fields and rewrite its numbers.
alter table webhooks add column filter text;
