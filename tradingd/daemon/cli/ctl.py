"""`tradingd ctl`: asks a running daemon, over its control socket."""

# Annotations are evaluated here: typer reads them.
# ruff: noqa: FBT002, PLC0415 - switches are options; help must not wait for what only the work needs
import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

EXIT_UNREACHABLE = 69  # EX_UNAVAILABLE
Verb = Literal["status", "reload", "stop", "health", "flatten", "token"]


def ctl(  # noqa: PLR0913 - the options of the command
    verb: Annotated[Verb, typer.Argument(help="What to ask.")],
    strategy: Annotated[str | None, typer.Argument(help="The strategy to flatten.", show_default=False)] = None,
    config: Annotated[
        Path | None, typer.Option("-c", "--config", metavar="FILE", exists=True, dir_okay=False, help="TOML file.")
    ] = None,
    socket: Annotated[
        Path | None, typer.Option(metavar="PATH", help="The control socket; else by the TOML file.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Of a reload: wait for its outcome.")] = False,
    is_request: Annotated[
        bool, typer.Option("--request", help="Of a token: it is the request token of a login, to be completed.")
    ] = False,
    timeout_s: Annotated[
        int, typer.Option("--timeout", metavar="SECONDS", help="How long to wait for an answer.")
    ] = 120,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Ask a running daemon: status, reload, stop, health, token, or flatten STRATEGY.

    Token reads today's access token of the feed from standard input, where no other process sees it.

    The exit code is the outcome: 0 done, 1 refused, 69 nobody answers, 78 the configuration is wrong.
    """
    if (verb == "flatten") != (strategy is not None):
        msg = "flatten, and only flatten, takes a strategy: tradingd ctl flatten STRATEGY"
        raise typer.BadParameter(msg)
    path = socket or _socket(config)
    import asyncio

    from tradingd.daemon.control import ask

    request: dict[str, Any] = {"verb": verb, "strategy": strategy, "wait": wait}
    if verb == "token":
        request |= {"token": _secret(), "request": is_request}
    try:
        answer = asyncio.run(ask(path, request, timeout_s))
    except TimeoutError:
        typer.echo(f"tradingd: no answer from {path} within {timeout_s} s", err=True)
        raise typer.Exit(EXIT_UNREACHABLE) from None
    except OSError as error:
        typer.echo(f"tradingd: nobody answers at {path}: {error}", err=True)
        raise typer.Exit(EXIT_UNREACHABLE) from None
    if as_json:
        typer.echo(json.dumps(answer.get("status", answer), indent=2))
    else:
        _tell(verb, answer)
    if not answer["ok"]:
        raise typer.Exit(int(answer.get("exit_code", 1)))


def _secret() -> str:
    """Return one line of standard input; a person's is not shown."""
    token: str = typer.prompt("Token", hide_input=True) if sys.stdin.isatty() else sys.stdin.readline()
    if not token.strip():
        msg = "there is no token on standard input: tradingd ctl token < FILE"
        raise typer.BadParameter(msg)
    return token.strip()


def _socket(config: Path | None) -> Path:
    """Return where the daemon of a configuration listens."""
    from tradingd.daemon.config import load

    settings = load(config, os.environ).daemon
    return Path(settings.socket) if settings.socket else Path(settings.state_dir) / "control.sock"


def _tell(verb: str, answer: dict[str, Any]) -> None:
    if not answer["ok"]:
        typer.echo(f"tradingd: {answer['error']}", err=True)
        return
    if verb != "status":
        told = [f"{key}: {value}" for key, value in answer.items() if key != "ok" and value not in (None, [])]
        typer.echo("; ".join(["ok", *told]))
        return
    status = answer["status"]
    typer.echo(
        f"{status['mode']}, up {status['uptime_s']} s, feed {status['feed']['state']}, "
        f"{status['events']} events, {status['commands']} commands"
    )
    for strategy in status["strategies"]:
        awake = [name for name, state in strategy["nodes"].items() if state != "idle"]
        pending = f", pending: {strategy['pending']}" if strategy["pending"] else ""
        typer.echo(
            f"  {strategy['id']}: {strategy['trades']} trades, {strategy['positions_open']} open, "
            f"realized {strategy['realized_pnl']}, awake: {', '.join(awake) or 'nothing'}{pending}"
        )
