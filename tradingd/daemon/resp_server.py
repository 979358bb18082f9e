"""A small Redis-protocol server inside the process, for a demo on a machine that has no other.

It knows what alerts need - channels, streams, transactions - in RESP2 and RESP3, with a real server's answers: the
suites that publishers and subscribers pass run against both. It keeps everything in memory and listens on loopback
alone; it must never be what a daemon in earnest relies on.
"""

from __future__ import annotations

import asyncio
import bisect
import contextlib
import itertools
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias, Union

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

WORDS_MAX = 4096
BYTES_MAX = 1 << 20
"""Of a word in; and of what waits for a reader who does not read, who is then cut off as by a real server."""

Id: TypeAlias = tuple[int, int]

FIRST: Id = (0, 0)
LAST: Id = (2**64 - 1, 2**64 - 1)
RESP3 = 3


class Simple(str):
    """A word such as OK."""

    __slots__ = ()


class Push(list["Reply"]):
    """A message that answers nothing."""


class Refusal(Exception):  # noqa: N818 - an answer, not a failure of ours
    """An answer that says no; its text is what the client reads."""


Reply: TypeAlias = Union[bytes, int, Simple, Refusal, list["Reply"], dict[bytes, "Reply"], None]  # noqa: UP007 - names itself

OK = Simple("OK")
_SYNTAX = "ERR syntax error"


def encode(reply: Reply, protocol: int) -> bytes:
    """Return the reply's bytes in version 2 or 3 of the protocol."""
    match reply:
        case Simple():
            return b"+%b\r\n" % reply.encode()
        case Refusal():
            return b"-%b\r\n" % str(reply).encode()
        case int():
            return b":%d\r\n" % reply
        case bytes():
            return b"$%d\r\n%b\r\n" % (len(reply), reply)
        case None:
            return b"_\r\n" if protocol >= RESP3 else b"*-1\r\n"
    return _encode_many(reply, protocol)


def _encode_many(reply: list[Reply] | dict[bytes, Reply], protocol: int) -> bytes:
    mark, count = b"*", len(reply)
    if isinstance(reply, dict):
        reply = list(itertools.chain.from_iterable(reply.items()))
        mark, count = (b"%", count) if protocol >= RESP3 else (b"*", len(reply))
    elif isinstance(reply, Push) and protocol >= RESP3:
        mark = b">"
    return b"%b%d\r\n" % (mark, count) + b"".join(encode(item, protocol) for item in reply)


async def read_command(reader: asyncio.StreamReader) -> list[bytes]:
    """Read one command: an array of words, or words on a line as a person types them; none at the end."""
    line = await reader.readline()
    if not line.startswith(b"*"):
        return line.split()
    words = []
    for _ in range(_bounded(line[1:], WORDS_MAX)):
        size = _bounded((await reader.readline())[1:], BYTES_MAX)
        words.append((await reader.readexactly(size + 2))[:-2])
    return words


def _bounded(text: bytes, most: int) -> int:
    number = int(text)
    if not 0 <= number <= most:
        msg = f"{number} is more than {most}"
        raise ValueError(msg)
    return number


def read_id(text: bytes, sequence: int = 0) -> Id:
    """Read the id of an entry; one that names no sequence gets this one."""
    if text in {b"-", b"+"}:
        return FIRST if text == b"-" else LAST
    head, dash, tail = text.partition(b"-")
    if not head.isdigit() or (dash and not tail.isdigit()):
        msg = "ERR Invalid stream ID specified as stream command argument"
        raise Refusal(msg)
    return int(head), int(tail) if dash else sequence


def show_id(id_: Id) -> bytes:
    """Return an id as it is written."""
    return b"%d-%d" % id_


@dataclass(slots=True)
class Stream:
    """Entries in the order of their ids, and the highest id there ever was."""

    ids: list[Id] = field(default_factory=list)
    fields: list[list[bytes]] = field(default_factory=list)
    last: Id = FIRST

    def add(self, id_: Id, fields: list[bytes], length_max: int | None) -> None:
        """Append an entry, and let go of the oldest beyond `length_max`."""
        if id_ <= self.last:
            why = "is equal or smaller than the target stream top item" if id_ > FIRST else "must be greater than 0-0"
            msg = f"ERR The ID specified in XADD {why}"
            raise Refusal(msg)
        self.ids.append(id_)
        self.fields.append(fields)
        self.last = id_
        if length_max is not None:
            surplus = max(len(self.ids) - length_max, 0)
            del self.ids[:surplus], self.fields[:surplus]

    def between(self, first: Id, last: Id) -> list[Reply]:
        """Return the entries from `first` to `last`, both included."""
        part = slice(bisect.bisect_left(self.ids, first), bisect.bisect_right(self.ids, last))
        return [
            [show_id(id_), list[Reply](words)] for id_, words in zip(self.ids[part], self.fields[part], strict=True)
        ]


class Keyspace:
    """What all connections share."""

    def __init__(self) -> None:
        self.streams: dict[bytes, Stream] = {}
        self.subscribers: defaultdict[bytes, set[Connection]] = defaultdict(set)
        self.grown = asyncio.Event()

    def publish(self, channel: bytes, message: bytes) -> int:
        """Hand a message to the channel's subscribers; return how many there are."""
        listening = self.subscribers[channel]
        for connection in listening:
            connection.send(Push([b"message", channel, message]))
        return len(listening)

    def add(self, key: bytes, id_: Id, fields: list[bytes], length_max: int | None) -> None:
        """Append an entry to a stream and wake who waits for one."""
        self.streams.setdefault(key, Stream()).add(id_, fields, length_max)
        self.grown.set()
        self.grown = asyncio.Event()

    def newer(self, after: dict[bytes, Id], count: int | None) -> dict[bytes, Reply]:
        """Return the entries after an id, of the streams that have any."""
        found = {
            key: self.streams[key].between((ms, seq + 1), LAST)
            for key, (ms, seq) in after.items()
            if key in self.streams
        }
        return {key: entries[:count] for key, entries in found.items() if entries}


class Connection:
    """One client: the version it speaks, what it listens to, the transaction it has begun."""

    def __init__(self, keys: Keyspace, writer: asyncio.StreamWriter) -> None:
        self._keys, self._writer = keys, writer
        self._protocol = 2
        self._channels: set[bytes] = set()
        self._queued: list[list[bytes]] | None = None
        self._spoilt = self._executing = False
        self._commands: dict[bytes, Callable[..., Awaitable[Reply]]] = {
            b"CLIENT": self._agree,
            b"COMMAND": self._no_commands,
            b"DISCARD": self._discard,
            b"EXEC": self._exec,
            b"HELLO": self._hello,
            b"MULTI": self._multi,
            b"PING": self._ping,
            b"PUBLISH": self._publish,
            b"SELECT": self._agree,
            b"XADD": self._xadd,
            b"XINFO": self._xinfo,
            b"XLEN": self._xlen,
            b"XRANGE": self._xrange,
            b"XREAD": self._xread,
            b"XREVRANGE": self._xrevrange,
        }

    def send(self, reply: Reply) -> None:
        """Write a reply, unless too much waits already."""
        if self._writer.transport.get_write_buffer_size() > BYTES_MAX:
            self._writer.transport.abort()
        else:
            self._writer.write(encode(reply, self._protocol))

    async def serve(self, reader: asyncio.StreamReader) -> None:
        """Answer commands until the client is gone or cannot be understood."""
        try:
            while command := await read_command(reader):
                await self._answer(command)
                await self._writer.drain()
        except ValueError as error:
            self.send(Refusal(f"ERR Protocol error: {error}"))
        except (OSError, EOFError):
            pass  # the client is gone
        finally:
            for channel in self._channels:
                self._keys.subscribers[channel].discard(self)
            self._writer.close()

    async def _answer(self, command: list[bytes]) -> None:
        name = command[0].upper()
        if name in {b"SUBSCRIBE", b"UNSUBSCRIBE"}:
            self._listen(name.lower(), command[1:])
        elif self._queued is None or name in {b"EXEC", b"DISCARD"}:
            self.send(await self._reply(command))
        elif name in self._commands:
            self._queued.append(command)
            self.send(Simple("QUEUED"))
        else:
            self._spoilt = True
            self.send(_unknown(command))

    async def _reply(self, command: list[bytes]) -> Reply:
        name, *words = command
        handler = self._commands.get(name.upper())
        if handler is None:
            return _unknown(command)
        try:
            return await handler(*words)
        except Refusal as refusal:
            return refusal
        except (TypeError, ValueError, IndexError):  # too many words, too few, or not those
            return Refusal("ERR syntax error")

    # --- the connection --------------------------------------------------------------------------------------

    async def _hello(self, version: bytes = b"", *_options: bytes) -> Reply:
        if version not in {b"", b"2", b"3"}:
            return Refusal("NOPROTO unsupported protocol version")
        self._protocol = int(version or self._protocol)
        return {b"server": b"redis", b"proto": self._protocol, b"mode": b"standalone", b"role": b"master"}

    async def _ping(self, *words: bytes) -> Reply:
        if self._channels and self._protocol < RESP3:
            return [b"pong", *(words or (b"",))]
        return words[0] if words else Simple("PONG")

    async def _agree(self, *_words: bytes) -> Reply:
        return OK

    async def _no_commands(self, *_words: bytes) -> Reply:
        return []

    # --- transactions ----------------------------------------------------------------------------------------

    async def _multi(self) -> Reply:
        self._queued, self._spoilt = [], False
        return OK

    async def _discard(self) -> Reply:
        if self._queued is None:
            return Refusal("ERR DISCARD without MULTI")
        self._queued = None
        return OK

    async def _exec(self) -> Reply:
        queued, self._queued = self._queued, None
        if queued is None:
            return Refusal("ERR EXEC without MULTI")
        if self._spoilt:
            return Refusal("EXECABORT Transaction discarded because of previous errors.")
        self._executing = True  # nothing waits now, so nobody else comes between
        try:
            return [await self._reply(command) for command in queued]
        finally:
            self._executing = False

    # --- channels --------------------------------------------------------------------------------------------

    def _listen(self, verb: bytes, channels: Sequence[bytes]) -> None:
        for channel in channels or sorted(self._channels):
            if verb == b"subscribe":
                self._channels.add(channel)
                self._keys.subscribers[channel].add(self)
            else:
                self._channels.discard(channel)
                self._keys.subscribers[channel].discard(self)
            self.send(Push([verb, channel, len(self._channels)]))

    async def _publish(self, channel: bytes, message: bytes) -> Reply:
        return self._keys.publish(channel, message)

    # --- streams ---------------------------------------------------------------------------------------------

    async def _xadd(self, key: bytes, *words: bytes) -> Reply:
        length_max = None
        if words[0].upper() == b"MAXLEN":
            skip = 2 if words[1] in {b"~", b"="} else 1
            length_max, words = int(words[skip]), words[skip + 1 :]
        id_, fields = read_id(words[0]), list(words[1:])
        if not fields or len(fields) % 2:
            return Refusal("ERR wrong number of arguments for 'xadd' command")
        self._keys.add(key, id_, fields, length_max)
        return show_id(id_)

    async def _xlen(self, key: bytes) -> Reply:
        return len(self._stream(key).ids)

    async def _xrange(self, key: bytes, first: bytes, last: bytes, *words: bytes) -> Reply:
        found = self._stream(key).between(read_id(first), read_id(last, LAST[1]))
        return found[: _count(words)]

    async def _xrevrange(self, key: bytes, last: bytes, first: bytes, *words: bytes) -> Reply:
        found = self._stream(key).between(read_id(first), read_id(last, LAST[1]))
        return found[::-1][: _count(words)]

    async def _xinfo(self, what: bytes, key: bytes) -> Reply:
        if what.upper() != b"STREAM":
            return Refusal("ERR only XINFO STREAM is known here")
        if key not in self._keys.streams:
            return Refusal("ERR no such key")
        stream = self._keys.streams[key]
        ends = stream.between(FIRST, LAST) or [None]
        top = show_id(stream.last)
        return {b"length": len(stream.ids), b"last-generated-id": top, b"first-entry": ends[0], b"last-entry": ends[-1]}

    async def _xread(self, *words: bytes) -> Reply:
        named = [word.upper() for word in words].index(b"STREAMS")
        options = {name.upper(): int(value) for name, value in zip(words[:named:2], words[1:named:2], strict=True)}
        count, block_ms = options.get(b"COUNT"), options.get(b"BLOCK")
        half = (len(words) - named - 1) // 2
        keys, ids = words[named + 1 : named + 1 + half], words[named + 1 + half :]
        after = {
            key: self._stream(key).last if id_ == b"$" else read_id(id_) for key, id_ in zip(keys, ids, strict=True)
        }
        found = self._keys.newer(after, count)
        if not found and block_ms is not None and not self._executing:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(block_ms / 1000 or None):
                    while not found:
                        await self._keys.grown.wait()
                        found = self._keys.newer(after, count)
        if self._protocol >= RESP3:
            return found or None
        return [[key, entries] for key, entries in found.items()] or None

    def _stream(self, key: bytes) -> Stream:
        return self._keys.streams.get(key) or Stream()


def _count(words: Sequence[bytes]) -> int | None:
    """Read `COUNT n`; none where there is none."""
    if not words:
        return None
    name, number = words
    if name.upper() != b"COUNT":
        raise ValueError(name)
    return int(number)


def _unknown(command: Sequence[bytes]) -> Refusal:
    return Refusal(f"ERR unknown command '{command[0].decode(errors='replace')}' for this server inside tradingd")


@contextlib.asynccontextmanager
async def serve() -> AsyncIterator[str]:
    """Serve on a loopback port of the system's choice; yield the URL."""
    keys = Keyspace()
    clients: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(Connection(keys, writer).serve(reader))
        clients.add(task)
        task.add_done_callback(clients.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        host, port = server.sockets[0].getsockname()
        yield f"redis://{host}:{port}/0"
    finally:
        server.close()
        for task in clients:
            task.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
