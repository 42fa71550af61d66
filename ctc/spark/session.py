"""The Spark session: versions, catalog, state store and quiet logs in one place."""

from __future__ import annotations

import sys
from pathlib import Path

from pyspark.sql import SparkSession

from ctc.errors import SetupError
from ctc.settings import ROOT, Settings

# Spark 4.1 is the newest with an Iceberg runtime, and what emr-spark-8.1.0 runs.
PACKAGES = (
    "org.apache.iceberg:iceberg-spark-runtime-4.1_2.13:1.11.0",
    "org.apache.iceberg:iceberg-aws-bundle:1.11.0",
)
CATALOG = "lake"
FILE_MANAGER = "org.apache.spark.sql.execution.streaming.checkpointing.FileSystemBasedCheckpointFileManager"
# Where `make setup` has them. On the JVM's own class path, not as `spark.jars.packages`: those are resolved, copied and put on every
# Python worker's path at each start, and the class archive can't hold what they bring.
JARS = tuple(ROOT / ".tools" / "ivy" / "jars" / f"{'-'.join(name.replace(':', '_', 1).split(':'))}.jar" for name in PACKAGES)
# Spark's own reader of Kafka, by `make kafka-setup`: given as `spark.jars`, since the class archive is for the class path above.
KAFKA_PACKAGES = ("org.apache.spark:spark-sql-kafka-0-10_2.13:4.1.1",)
KAFKA_JARS = ROOT / ".tools" / "kafka" / "spark" / "jars"
SOURCE_JARS = {"kinesis": None, "kafka": KAFKA_JARS}
# Made by `make setup` (ctc.spark.archive).
ARCHIVE = ROOT / ".tools" / "spark.jsa"
# The first compiler alone: half the CPU of a start on two cores, and no slower over a million trades. Over nine million a job whose rows
# went through Spark took twice as long by it.
QUICK_START = "-XX:TieredStopAtLevel=1"
JAVA_OPTIONS = (
    "-Xlog:disable",
    "-Xlog:all=error:stderr",
    "-Xss4m",
    "-Duser.timezone=UTC",
    "-Daws.accessKeyId=test",
    "-Daws.secretAccessKey=test",
)
LOG4J = Path(__file__).with_name("log4j2.properties")


def build_session(
    settings: Settings, app: str, state: Path, java_options: tuple[str, ...] | None = None, *, long: bool | None = None
) -> SparkSession:
    """A session with the lake's catalog as `lake`; on EMR the master and the jars are the cluster's.

    `java_options` take the place of those that use the class archive. A `long` one is compiled for speed, not for its start; where that
    is not said, `spark.quick_start` decides.
    """
    if java_options is None:
        java_options = (f'"-XX:SharedArchiveFile={ARCHIVE}"',) if ARCHIVE.is_file() else ()
    builder = SparkSession.builder.appName(app)
    for key, value in {**_engine(settings, state), **_catalog(settings)}.items():
        builder = builder.config(key, value)
    if settings.spark.master:
        for key, value in _local(settings, state, (*compilers(settings, long=long), *java_options)).items():
            builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


def compilers(settings: Settings, *, long: bool | None = None) -> tuple[str, ...]:
    """The option that leaves the JVM's second compiler out, where a quick start counts for more."""
    return () if (not settings.spark.quick_start if long is None else long) else (QUICK_START,)


def _engine(settings: Settings, state: Path) -> dict[str, str]:
    return {
        "spark.python.daemon.module": "ctc.spark.daemon",
        # Arrow's own choice, mimalloc, keeps what was freed: 146 MB of growth in four minutes, not 53 (docs/FAULTS.md, The soak).
        "spark.executorEnv.ARROW_DEFAULT_MEMORY_POOL": "system",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": str(settings.spark.shuffle_partitions),
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.execution.arrow.maxRecordsPerBatch": "100000",
        "spark.sql.execution.pyspark.udf.simplifiedTraceback.enabled": "true",
        "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
        "spark.sql.streaming.stateStore.providerClass": "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider",
        "spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled": "true",
        "spark.sql.streaming.metricsEnabled": "false",
        "spark.sql.streaming.numRecentProgressUpdates": "20",
        "spark.sql.streaming.minBatchesToRetain": "20",
        "spark.sql.streaming.noDataMicroBatches.enabled": "false",
    }


def _local(settings: Settings, state: Path, java_options: tuple[str, ...]) -> dict[str, str]:
    jars = source_jars(settings)
    scratch = state / "spark"
    scratch.mkdir(parents=True, exist_ok=True)
    return {
        **({"spark.jars": ",".join(jars)} if jars else {}),
        "spark.master": settings.spark.master,
        "spark.driver.memory": settings.spark.driver_memory,
        "spark.driver.bindAddress": "127.0.0.1",
        # The default one asks the file system for links by forking `readlink`, several times for every file of a checkpoint.
        "spark.sql.streaming.checkpointFileManagerClass": FILE_MANAGER,
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.extraClassPath": ":".join(map(str, JARS)),
        "spark.pyspark.python": sys.executable,
        "spark.pyspark.driver.python": sys.executable,
        "spark.local.dir": str(scratch),
        "spark.sql.warehouse.dir": str(scratch / "warehouse"),
        # A deep plan's error path overflows the default stack, so give threads room; credentials are the emulator's dummies.
        "spark.driver.extraJavaOptions": " ".join(
            (
                *JAVA_OPTIONS,
                *java_options,
                # Quoted, since a folder's name may have spaces.
                f'"-Dlog4j2.configurationFile={LOG4J.as_uri()}"',
                f'"-Dderby.system.home={scratch}"',
                f'"-Djava.io.tmpdir={scratch}"',  # a JVM that is killed leaves 15 MB of unpacked libraries: the next session removes them
            )
        ),
    }


def source_jars(settings: Settings) -> list[str]:
    """The jars of the stream's source, beyond Spark's own. Raises SetupError where they are not there."""
    folder = SOURCE_JARS[settings.stream.source]
    if folder is None:
        return []
    found = sorted(map(str, folder.glob("*.jar")))
    if not found:
        raise SetupError(f"Spark's jars for {settings.stream.source} are not in {folder}: run `make {settings.stream.source}-setup`")
    return found


def _catalog(settings: Settings) -> dict[str, str]:
    prefix = f"spark.sql.catalog.{CATALOG}"
    config = {
        prefix: "org.apache.iceberg.spark.SparkCatalog",
        f"{prefix}.warehouse": f"s3://{settings.lake.bucket}/warehouse",
        f"{prefix}.io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
        f"{prefix}.client.region": settings.aws.region,
        f"{prefix}.cache-enabled": "true",
        f"{prefix}.s3.preload-client-enabled": "true",
    }
    if settings.lake.catalog == "glue":
        config[f"{prefix}.catalog-impl"] = "org.apache.iceberg.aws.glue.GlueCatalog"
    else:
        config |= {f"{prefix}.type": "rest", f"{prefix}.uri": settings.lake.catalog_uri}
    if settings.aws.endpoint:
        config |= {
            f"{prefix}.s3.endpoint": settings.aws.endpoint,
            f"{prefix}.s3.path-style-access": "true",
            f"{prefix}.s3.access-key-id": "test",
            f"{prefix}.s3.secret-access-key": "test",
            f"{prefix}.glue.endpoint": settings.aws.endpoint,
        }
    return config
