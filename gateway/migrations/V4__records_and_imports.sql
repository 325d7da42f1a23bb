-- Contacts, accounts, deals and products, and the imports that fill them.
--
-- Three indexes each, because each further one costs an import 2 to 10 µs a row:
-- the primary key also lists a workspace's records, newest first, for ids are UUIDv7;
-- `key` is the record's key with its case folded by the gateway, led by the number of its field;
-- `words` holds what `?q=` and some filters find, each word led by the workspace's number, so that one
-- workspace's search never wades through another's. Changes of other columns are HOT while the page has room.
-- `import_no` is the import that wrote the record last, or null: undo leaves what anyone else has touched since.
-- There is no foreign key to the workspaces: it would cost a look-up a row, and workspaces are never deleted.

create table contacts (
    workspace_id integer not null,
    id uuid not null,
    import_no integer,
    updated_at timestamptz not null,
    key text collate "C",
    words tsvector not null,
    email text, first_name text, last_name text, phone text, job_title text, account_name text, external_id text,
    city text, region text, postal_code text, country text, owner text, notes text,
    extra json,
    primary key (workspace_id, id)
) with (fillfactor = 90);
create unique index contacts_key on contacts (workspace_id, key);
create index contacts_words on contacts using gin (words);

create table accounts (
    workspace_id integer not null,
    id uuid not null,
    import_no integer,
    updated_at timestamptz not null,
    key text collate "C",
    words tsvector not null,
    name text, domain text, industry text, phone text, employees bigint, annual_revenue numeric, external_id text,
    city text, region text, postal_code text, country text, owner text, notes text,
    extra json,
    primary key (workspace_id, id)
) with (fillfactor = 90);
create unique index accounts_key on accounts (workspace_id, key);
create index accounts_words on accounts using gin (words);

create table deals (
    workspace_id integer not null,
    id uuid not null,
    import_no integer,
    updated_at timestamptz not null,
    key text collate "C",
    words tsvector not null,
    name text, external_id text, amount numeric, currency text, stage text, pipeline text, status text,
    close_date date, account_name text, contact_email text, owner text, notes text,
    extra json,
    primary key (workspace_id, id)
) with (fillfactor = 90);
create unique index deals_key on deals (workspace_id, key);
create index deals_words on deals using gin (words);

create table products (
    workspace_id integer not null,
    id uuid not null,
    import_no integer,
    updated_at timestamptz not null,
    key text collate "C",
    words tsvector not null,
    name text, sku text, external_id text, price numeric, cost numeric, currency text, description text,
    category text, barcode text, active boolean,
    extra json,
    primary key (workspace_id, id)
) with (fillfactor = 90);
create unique index products_key on products (workspace_id, key);
create index products_words on products using gin (words);

-- A job. `running` ends once, by whoever updates it `where status = 'running'` first: the import itself, a cancel, or
-- the gateway that finds its instance dead. Each chunk adds its counts here in its own transaction, under the same
-- condition, so the counts are true at every moment.
create table imports (
    id uuid primary key,
    number integer generated always as identity unique,
    workspace_id integer not null references workspaces,
    object text not null,
    filename text,
    mode text not null,
    dry_run boolean not null,
    events text not null,
    date_order text,
    status text not null default 'running',
    rows_created bigint not null default 0,
    rows_updated bigint not null default 0,
    rows_unchanged bigint not null default 0,
    rows_failed bigint not null default 0,
    bytes_read bigint not null default 0,
    bytes_total bigint,
    encoding text not null,
    delimiter text not null,
    mapping json not null,
    unmapped_headers json not null,
    -- The file's own columns as errors.csv shows them.
    columns text not null,
    error_code text,
    error_message text,
    key_id uuid not null,
    key_name text not null,
    created_at timestamptz not null,
    finished_at timestamptz,
    undo json
) with (fillfactor = 50);
create index imports_listing on imports (workspace_id, id);
create index imports_running on imports (number) where status = 'running';

-- What a chunk did, compressed by the gateway: ids that it created, old values that it replaced. One row a chunk
-- instead of one a record keeps an import's own traces at a few bytes a row.
create table import_chunks (
    import_no integer not null,
    chunk integer not null,
    undo bytea,
    primary key (import_no, chunk)
);
alter table import_chunks alter column undo set storage external;

create table import_failures (
    import_no integer not null,
    row_number bigint not null,
    line_number bigint not null,
    message text not null,
    -- The row's own cells as errors.csv shows them; null if they were over a limit.
    cells text,
    primary key (import_no, row_number)
);
