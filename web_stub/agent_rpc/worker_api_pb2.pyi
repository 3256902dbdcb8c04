from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Empty(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Id(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: int
    def __init__(self, id: _Optional[int] = ...) -> None: ...

class AgentInfo(_message.Message):
    __slots__ = ("info",)
    INFO_FIELD_NUMBER: _ClassVar[int]
    info: str
    def __init__(self, info: _Optional[str] = ...) -> None: ...

class ServerInfo(_message.Message):
    __slots__ = ("info",)
    INFO_FIELD_NUMBER: _ClassVar[int]
    info: str
    def __init__(self, info: _Optional[str] = ...) -> None: ...

class Task(_message.Message):
    __slots__ = ("data",)
    DATA_FIELD_NUMBER: _ClassVar[int]
    data: str
    def __init__(self, data: _Optional[str] = ...) -> None: ...

class LogLines(_message.Message):
    __slots__ = ("data",)
    DATA_FIELD_NUMBER: _ClassVar[int]
    data: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, data: _Optional[_Iterable[str]] = ...) -> None: ...

class GeneralEvent(_message.Message):
    __slots__ = ("request_id", "data", "image")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    data: bytes
    image: bytes
    def __init__(self, request_id: _Optional[str] = ..., data: _Optional[bytes] = ..., image: _Optional[bytes] = ...) -> None: ...

class Chunk(_message.Message):
    __slots__ = ("buffer", "total_size", "error")
    BUFFER_FIELD_NUMBER: _ClassVar[int]
    TOTAL_SIZE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    buffer: bytes
    total_size: int
    error: str
    def __init__(self, buffer: _Optional[bytes] = ..., total_size: _Optional[int] = ..., error: _Optional[str] = ...) -> None: ...

class Image(_message.Message):
    __slots__ = ("id", "hash", "title", "ext", "dataset_id", "project_id", "meta")
    ID_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    EXT_FIELD_NUMBER: _ClassVar[int]
    DATASET_ID_FIELD_NUMBER: _ClassVar[int]
    PROJECT_ID_FIELD_NUMBER: _ClassVar[int]
    META_FIELD_NUMBER: _ClassVar[int]
    id: int
    hash: str
    title: str
    ext: str
    dataset_id: int
    project_id: int
    meta: str
    def __init__(self, id: _Optional[int] = ..., hash: _Optional[str] = ..., title: _Optional[str] = ..., ext: _Optional[str] = ..., dataset_id: _Optional[int] = ..., project_id: _Optional[int] = ..., meta: _Optional[str] = ...) -> None: ...

class ChunkImage(_message.Message):
    __slots__ = ("chunk", "image")
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    chunk: Chunk
    image: Image
    def __init__(self, chunk: _Optional[_Union[Chunk, _Mapping]] = ..., image: _Optional[_Union[Image, _Mapping]] = ...) -> None: ...

class ImagesHashes(_message.Message):
    __slots__ = ("images_hashes", "src_node_token")
    IMAGES_HASHES_FIELD_NUMBER: _ClassVar[int]
    SRC_NODE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    images_hashes: _containers.RepeatedScalarFieldContainer[str]
    src_node_token: str
    def __init__(self, images_hashes: _Optional[_Iterable[str]] = ..., src_node_token: _Optional[str] = ...) -> None: ...
