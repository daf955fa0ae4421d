CREATE TABLE lines
(
    app LowCardinality(String),
    build String,
    at DateTime64(6, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    id String CODEC(ZSTD(1)),
    source LowCardinality(String),
    process LowCardinality(String),
    release LowCardinality(String),
    level LowCardinality(String),
    status UInt16,
    container LowCardinality(String),
    text String CODEC(ZSTD(3)),
    INDEX grams lowerUTF8(text) TYPE ngrambf_v1(4, 32768, 2, 0) GRANULARITY 4
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(at)
ORDER BY (app, build, at, id)
TTL toDateTime(at) + INTERVAL 30 DAY
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
