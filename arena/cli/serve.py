"""`arena demo` and `arena serve`: one process with pages, battles, models and the database."""

import asyncio
import contextlib
import errno
import gc
import itertools
import logging
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from arena.cli.descriptors import open_more
from arena.cli.logqueue import logging_to_stderr
from arena.cli.stopping import run_loop
from arena.errors import ConfigError

if TYPE_CHECKING:
    from arena.running import Arena
    from arena.settings import Settings

LAST_PORT: Final = 65_535
NEAR: Final = 100  # how far from a busy port another one is looked for
GRACE_S: Final = 3  # how long open streams may hold up the end

Port = Annotated[int | None, typer.Option(help="Port of the page.", min=0, max=LAST_PORT)]
Host = Annotated[str | None, typer.Option(help="Address to listen on.")]
Db = Annotated[Path | None, typer.Option(help="Database file; made if it is not there.")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(demo)
    app.command()(serve)


def demo(port: Port = None, host: Host = None, db: Db = None) -> None:
    """Open the arena on the embedded tiny models: no network, no GPU, nothing to set up.

    Example: `arena demo --port 7861 --db try.db`
    """
    from arena.settings import load_settings  # noqa: PLC0415 - heavy
    from arena.shipped import shipped  # noqa: PLC0415 - with it

    _run(load_settings(shipped("rosters/demo.toml")), port, host, db)


def serve(
    config: Annotated[Path, typer.Argument(help="One TOML file: models, limits, pace.")] = Path(
        "arena.toml"
    ),
    port: Port = None,
    host: Host = None,
    db: Db = None,
) -> None:
    """Open the arena on a roster of your own.

    Example: `arena serve lab.toml --host 0.0.0.0`
    """
    from arena.settings import load_settings  # noqa: PLC0415 - heavy

    _run(load_settings(config), port, host, db)


def _run(settings: "Settings", port: int | None, host: str | None, db: Path | None) -> None:
    open_more()
    asked = {"port": port, "host": host, "db": db}
    said = {key: value for key, value in asked.items() if value is not None}
    settings = settings.model_copy(update={"arena": settings.arena.model_copy(update=said)})
    with (
        logging_to_stderr(),
        _listening(settings.arena.host, settings.arena.port) as listener,
    ):
        from arena.running import open_store, put_together  # noqa: PLC0415 - heavy

        arena = put_together(settings, *open_store(settings))
        run_loop(_serve(arena, listener))


def _listening(host: str, port: int) -> socket.socket:
    """Take the port before anything is loaded, so that a busy one is told at once."""
    if not host:  # to the system that is every address of this machine
        raise ConfigError(
            "The address to listen on is empty. Name one with --host: 127.0.0.1 for this machine "
            "alone, 0.0.0.0 for every network."
        )
    try:
        return _bound(host, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ConfigError(
                f"Port {port} on {host} is in use. Stop the program that uses it, or choose "
                f"another port: --port {_free_beside(host, port)}"
            ) from None
        raise ConfigError(
            f"The address {host}:{port} cannot be used ({error.strerror}). Choose an address of "
            "this machine with --host, or another --port."
        ) from None


def _bound(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # What connects inherits it: a phone that vanishes before it has asked is let go.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


def _free_beside(host: str, port: int) -> int:
    """Return a port near this one that nobody uses, above it if there is one."""
    above = range(port + 1, min(port + NEAR, LAST_PORT) + 1)
    below = range(port - 1, max(port - NEAR, 0), -1)
    for other in itertools.chain(above, below):
        with contextlib.suppress(OSError), _bound(host, other):
            return other
    return 0  # to the system that is any free one


async def _serve(arena: "Arena", listener: socket.socket) -> None:
    import uvicorn  # noqa: PLC0415 - heavy

    from arena.running import running  # noqa: PLC0415 - heavy
    from arena.web.site import site  # noqa: PLC0415 - heavy

    class Announcing(uvicorn.Server):
        """Says where it is once it listens, and not before."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            _announce(arena, listener)

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            logging.getLogger("uvicorn.error").addFilter(is_no_cancelled_stream)
            # Beside it, once nobody is let in: whoever follows a battle hears its end, and leaves.
            ending = asyncio.create_task(arena.battles.close())
            try:
                await super().shutdown(sockets)
            finally:
                # It would raise them again as soon as it has stopped, and nothing would be closed.
                self._captured_signals.clear()
                await ending

    typer.echo(f"Loading {len(arena.settings.models)} models ...", err=True)
    async with running(arena):
        config = uvicorn.Config(
            site(arena),
            access_log=False,
            log_config=None,  # its own writes to stderr from the event loop
            log_level="warning",
            timeout_graceful_shutdown=GRACE_S,
            server_header=False,
        )
        # With all that libraries made to look at, each full collection of garbage would hold up
        # every stream and every vote.
        gc.collect()
        gc.freeze()
        await Announcing(config).serve(sockets=[listener])


def is_no_cancelled_stream(record: logging.LogRecord) -> bool:
    """Leave out of the log that a stream still open at the end was cancelled, which is normal.

    The server writes a traceback of its own code for each, after one line that says how many.
    """
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))


def _announce(arena: "Arena", listener: socket.socket) -> None:
    settings = arena.settings.arena
    where = where_it_is(settings.public_url, *listener.getsockname()[:2])
    typer.echo(f"{settings.title} is open at {where}")
    typer.echo(f"Votes go to {arena.store.path.resolve()}. Stop with Ctrl+C.", err=True)


def where_it_is(public_url: str | None, host: str, port: int) -> str:
    """Return the address for browsers, and beside it ours where a proxy stands between."""
    here = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    return here if public_url in {None, here} else f"{public_url} (sent on to {here} by a proxy)"
