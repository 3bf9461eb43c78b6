-- One row: the version, and settings that may be changed by hand.
create table settings (
    only_row boolean primary key default true check (only_row),
    schema_version integer not null,
    partition_by text not null default 'month' check (partition_by in ('month', 'day')),
    -- Older partitions are dropped; null keeps all.
    keep interval,
    -- The end of the newest partition that retention has dropped. Events before it were counted in
    -- `users` and `sessions`; if they are delivered again, they are not counted a second time.
    counted_until timestamptz not null default '-infinity',
    -- Events outside this window are rejected.
    accept_past interval not null default '400 days',
    accept_future interval not null default '1 day'
);
insert into settings (schema_version) values (1);

-- One row per join.
create table events (
    id uuid not null, -- the 128 bits of the ULID
    user_id text not null,
    username text not null,
    session_id text not null,
    timestamp timestamptz not null,
    connection_time timestamptz not null,
    client_id uuid not null,
    ip inet,
    user_agent text,
    browser text,
    os text,
    device text,
    language text,
    details jsonb, -- what has no column, or null
    primary key (timestamp, id)
) partition by range (timestamp);
create index events_user on events (user_id, timestamp);

-- Per user: the fields of the newest event, and totals.
create table users (
    user_id text primary key,
    username text not null,
    first_seen timestamptz not null,
    last_seen timestamptz not null,
    events bigint not null,
    browser text,
    os text,
    device text,
    language text,
    ip inet
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);

create table sessions (
    user_id text,
    session_id text,
    started_at timestamptz not null,
    last_seen timestamptz not null,
    events bigint not null,
    browser text,
    os text,
    device text,
    ip inet,
    primary key (user_id, session_id)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);

-- Per day (UTC); the name is null where it is unknown.
create view browser_share (day, name, events, users) as
    select (timestamp at time zone 'UTC')::date, browser, count(*), count(distinct user_id)
    from events group by 1, 2;
create view os_share (day, name, events, users) as
    select (timestamp at time zone 'UTC')::date, os, count(*), count(distinct user_id)
    from events group by 1, 2;
create view device_share (day, name, events, users) as
    select (timestamp at time zone 'UTC')::date, device, count(*), count(distinct user_id)
    from events group by 1, 2;

create function has_partition(at timestamptz) returns boolean
    language sql stable set search_path from current set timezone = 'UTC' as $$
    select exists (
        select from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = 'events'::regclass and not i.inhdetachpending
            and c.relname in (to_char(at, '"events_"YYYYMM'), to_char(at, '"events_"YYYYMMDD')))
$$;

-- Creates the partition for any moment; returns null, or why there can't be one. Attached instead of
-- created in place: that would wait for every reader, and everybody else would wait behind it.
create function make_partition(at timestamptz) returns text
    language plpgsql set search_path from current set timezone = 'UTC' as $$
declare
    unit text;
    name text;
    first timestamptz;
    range text;
begin
    -- For this schema's table alone.
    perform pg_advisory_xact_lock(1970106222, 'events'::regclass::oid::int);
    -- Another process may have created it in the meantime.
    if has_partition(at) then
        return null;
    end if;
    select case
        -- A month that has daily partitions gets more of them.
        when exists (
            select from pg_inherits i join pg_class c on c.oid = i.inhrelid
            where i.inhparent = 'events'::regclass
                and c.relname like to_char(at, '"events_"YYYYMM') || '__') then 'day'
        else partition_by
    end into unit from settings;
    name := to_char(at, case unit when 'month' then '"events_"YYYYMM' else '"events_"YYYYMMDD' end);
    first := date_trunc(unit, at);
    range := format('from (%L) to (%L)', first, first + ('1 ' || unit)::interval);
    execute format(
        'create table %I (like events including defaults including constraints including storage)', name);
    execute format('alter table events attach partition %I for values %s', name, range);
    return null;
exception
    when duplicate_table then
        return format('the partition %1$s for its time is detached; attach it again (alter table events '
            'attach partition %1$s for values %2$s) or rename it, then replay this dead letter', name, range);
    -- A partition of another name covers at least a part of this time; inserting shows whether it takes a row.
    when invalid_object_definition then
        return null;
end
$$;

-- Null, or why an event of this moment is rejected.
create function ensure_partition(at timestamptz) returns text
    language plpgsql set search_path from current as $$
begin
    if not (select at between now() - least(accept_past, keep) and now() + accept_future from settings) then
        return 'timestamp_out_of_range';
    end if;
    if has_partition(at) then
        return null;
    end if;
    return make_partition(at);
end
$$;

-- The partitions that retention may drop. Each is marked before it is detached, so that one that an
-- operator has detached is not mistaken for one of these.
create function expired_partitions() returns table (partition text, state text, until timestamptz)
    language sql stable set search_path from current set timezone = 'UTC' as $$
    select c.relname, case
            when i.inhrelid is null then 'detached'
            when i.inhdetachpending then 'pending'
            else 'attached'
        end, range.until
    from pg_class c left join pg_inherits i on i.inhrelid = c.oid, settings, lateral (
        select (case length(c.relname)
            when 13 then to_date(substr(c.relname, 8), 'YYYYMM') + interval '1 month'
            else to_date(substr(c.relname, 8), 'YYYYMMDD') + interval '1 day'
        end)::timestamptz as until) range
    where c.relnamespace = (select relnamespace from pg_class where oid = 'events'::regclass)
        and c.relkind = 'r' and c.relname ~ '^events_[0-9]{6}([0-9]{2})?$'
        and (i.inhparent = 'events'::regclass
            or i.inhrelid is null and obj_description(c.oid, 'pg_class') = 'expired')
        and range.until <= now() - keep
    order by 1
$$;
