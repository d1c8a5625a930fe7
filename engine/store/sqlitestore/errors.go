package sqlitestore

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/heddlehq/heddle/engine/store"
)

// explain puts the port's error in front of what SQLite or the file system
// said, where there is one.
func explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("%w: %w", store.ErrFull, err)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%w: %w", store.ErrReadOnly, err)
	}
	kind := error(nil)
	switch code(err) {
	case lib.SQLITE_FULL:
		kind = store.ErrFull
	case lib.SQLITE_READONLY, lib.SQLITE_CANTOPEN, lib.SQLITE_PERM:
		kind = store.ErrReadOnly
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB:
		kind = store.ErrCorrupt
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		kind = store.ErrLocked
	default:
		return err
	}
	return fmt.Errorf("%w: %w", kind, err)
}

// code returns SQLite's primary result code, 0 for other errors.
func code(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code() & 0xff
	}
	return 0
}
