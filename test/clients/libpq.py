"""libpq's pipeline mode, which psycopg2 has not: just enough of it to send statements and see what comes of each."""

import ctypes
import ctypes.util

PGRES_FATAL_ERROR = 7
PGRES_PIPELINE_SYNC = 10
PGRES_PIPELINE_ABORTED = 11

LIBRARY = ctypes.util.find_library("pq")
libpq = ctypes.CDLL(LIBRARY) if LIBRARY else None
if libpq is not None:
    libpq.PQconnectdb.restype = ctypes.c_void_p
    libpq.PQgetResult.restype = ctypes.c_void_p
    libpq.PQgetvalue.restype = ctypes.c_char_p
    libpq.PQresultErrorField.restype = ctypes.c_char_p
    libpq.PQerrorMessage.restype = ctypes.c_char_p


class Pipeline:
    """A connection in pipeline mode. send() and sync() only send; results() gives one entry for each of them, in order:
    a list of rows, "sync", "aborted" or an SQLSTATE."""

    def __init__(self, parameters):
        self.connection = ctypes.c_void_p(libpq.PQconnectdb(parameters.encode()))
        self.sent = 0
        self.succeeds(libpq.PQstatus(self.connection) == 0)
        self.succeeds(libpq.PQenterPipelineMode(self.connection))

    def succeeds(self, result):
        if not result:
            raise RuntimeError(libpq.PQerrorMessage(self.connection).decode())

    def send(self, statement, *values):
        texts = (ctypes.c_char_p * len(values))(*(None if value is None else str(value).encode() for value in values))
        self.succeeds(libpq.PQsendQueryParams(self.connection, statement.encode(), len(values), None, texts, None, None, 0))
        self.sent += 1

    def sync(self):
        self.succeeds(libpq.PQpipelineSync(self.connection))
        self.sent += 1

    def results(self):
        for _ in range(self.sent):
            yield self.next_result()
        self.sent = 0

    def next_result(self):
        """What came of one statement: libpq ends each with a null, but not a sync."""
        outcome = None
        while True:
            result = ctypes.c_void_p(libpq.PQgetResult(self.connection))
            if not result:
                return outcome
            status = libpq.PQresultStatus(result)
            if status == PGRES_PIPELINE_ABORTED:
                outcome = "aborted"
            elif status == PGRES_FATAL_ERROR:
                outcome = libpq.PQresultErrorField(result, ord("C")).decode()
            elif status != PGRES_PIPELINE_SYNC:
                outcome = [[libpq.PQgetvalue(result, row, column).decode() for column in range(libpq.PQnfields(result))]
                           for row in range(libpq.PQntuples(result))]
            libpq.PQclear(result)
            if status == PGRES_PIPELINE_SYNC:
                return "sync"

    def close(self):
        libpq.PQfinish(self.connection)
