"""A minimal HTTP/2 client (RFC 9113), written frame by frame so that it can misbehave.

Header fields are sent as literals without compression (RFC 7541 §6.2.2). Of an answer, only the status is decoded: the
client asks for a dynamic table of size 0, so that the status is an index or a literal of its own.
"""
import select
import struct
import time

from harness import ATTACKER, connect

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, END_HEADERS, ACK = 1, 4, 1
HEADER_TABLE_SIZE, INITIAL_WINDOW_SIZE = 1, 4
STATIC_STATUS = {8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500}
# The codes of the digits (RFC 7541 Appendix B).
HUFFMAN_DIGITS = {"00000": "0", "00001": "1", "00010": "2", "011001": "3", "011010": "4", "011011": "5",
                  "011100": "6", "011101": "7", "011110": "8", "011111": "9"}


class Stream:
    """What has arrived of an answer."""

    def __init__(self):
        self.status = None
        self.received = 0
        self.ended = False
        self.reset = None


class Client:
    """An HTTP/2 connection with prior knowledge, or over a socket that speaks TLS."""

    def __init__(self, address, source=ATTACKER, window=65535, stream_of_bytes=None):
        self.socket = stream_of_bytes or connect(address, source)
        self.streams = {}
        self.next_id = 1
        self.goaway = self.closed = False
        self.buffer = b""
        settings = struct.pack(">HIHI", HEADER_TABLE_SIZE, 0, INITIAL_WINDOW_SIZE, window)
        self.socket.sendall(PREFACE + frame(SETTINGS, 0, 0, settings))

    def send(self, data):
        """Sends frames; a connection that the server has closed takes nothing more."""
        try:
            self.socket.sendall(data)
        except OSError:
            self.closed = True

    def request(self, method, path, fields=(), body=None, end=True, authority="attack"):
        """Sends a request, with its body if there is one, and returns its stream ID."""
        stream = self.next_id
        self.next_id += 2
        self.streams[stream] = Stream()
        pseudo = [(":method", method), (":scheme", "http"), (":path", path)]
        if authority is not None:
            pseudo.append((":authority", authority))
        block = b"".join(literal(name) + literal(value) for name, value in prefixed([*pseudo, *fields]))
        flags = END_HEADERS | (END_STREAM if body is None and end else 0)
        self.send(frame(HEADERS, flags, stream, block))
        if body is not None:
            self.data(stream, body, end)
        return stream

    def data(self, stream, body, end=False):
        """Sends a part of a request body, in frames of legal size."""
        pieces = [body[at:at + 16384] for at in range(0, len(body), 16384)] or [b""]
        for piece in pieces:
            self.send(frame(DATA, END_STREAM if end and piece is pieces[-1] else 0, stream, piece))

    def window(self, stream, increment):
        """Opens the window of a stream (0 for the connection)."""
        self.send(frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", increment)))

    def ping(self):
        self.send(frame(PING, 0, 0, b"attacker"))

    def pump(self, seconds, until=lambda: False):
        """Reads frames and acknowledges settings and pings, until a condition holds, the time is over or the end."""
        deadline = time.monotonic() + seconds
        while not self.closed and not until():
            left = deadline - time.monotonic()
            if left <= 0:
                break
            # Bytes that TLS has decrypted already are not seen by select.
            if not getattr(self.socket, "pending", lambda: 0)():
                if not select.select([self.socket], [], [], min(left, 0.5))[0]:
                    continue
            try:
                received = self.socket.recv(65536)
            except OSError:
                received = b""
            if not received:
                self.closed = True
                break
            self.buffer += received
            self._parse()
        return until()

    def _parse(self):
        while len(self.buffer) >= 9:
            length = int.from_bytes(self.buffer[:3], "big")
            if len(self.buffer) < 9 + length:
                return
            kind, flags, stream = self.buffer[3], self.buffer[4], int.from_bytes(self.buffer[5:9], "big") & 0x7FFFFFFF
            payload, self.buffer = self.buffer[9:9 + length], self.buffer[9 + length:]
            self._frame(kind, flags, self.streams.get(stream), payload)

    def _frame(self, kind, flags, stream, payload):
        if kind == SETTINGS and not flags & ACK:
            self.send(frame(SETTINGS, ACK, 0))
        elif kind == PING and not flags & ACK:
            self.send(frame(PING, ACK, 0, payload))
        elif kind == GOAWAY:
            self.goaway = True
        elif stream is None:
            return
        elif kind == HEADERS:
            stream.status = stream.status or status_of(payload)
        elif kind == DATA:
            stream.received += len(payload)
        elif kind == RST_STREAM:
            stream.reset = int.from_bytes(payload, "big")
        if stream is not None and kind in (HEADERS, DATA) and flags & END_STREAM:
            stream.ended = True

    def close(self):
        self.socket.close()


def frame(kind, flags, stream, payload=b""):
    """Formats a frame (RFC 9113 §4.1)."""
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def prefixed(fields):
    """Puts the pattern of a literal without indexing before each name."""
    for name, value in fields:
        yield b"\0", b""
        yield name, value


def literal(text):
    """Formats a string without Huffman coding (RFC 7541 §5.2); bytes stay as they are."""
    if isinstance(text, bytes):
        return text
    octets = text.encode()
    length = len(octets)
    if length < 127:
        return bytes([length]) + octets
    prefix, length = b"\x7f", length - 127
    while length >= 128:
        prefix, length = prefix + bytes([length % 128 + 128]), length // 128
    return prefix + bytes([length]) + octets


def status_of(block):
    """Status of an answer, which is its first field; none if it cannot be told."""
    while block and block[0] & 0xE0 == 0x20:
        block = block[1:]
    if not block:
        return None
    if block[0] & 0x80:
        return STATIC_STATUS.get(block[0] & 0x7F)
    length, value = block[1] & 0x7F, block[2:2 + (block[1] & 0x7F)]
    if not block[1] & 0x80:
        return int(value[:length])
    bits, digits = "".join(f"{octet:08b}" for octet in value), ""
    while len(digits) < 3:
        code = next(code for code in HUFFMAN_DIGITS if bits.startswith(code))
        digits, bits = digits + HUFFMAN_DIGITS[code], bits[len(code):]
    return int(digits)
