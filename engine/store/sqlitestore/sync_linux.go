package sqlitestore

import (
	"os"

	"golang.org/x/sys/unix"
)

// syncData brings a file's content to the disk, and of what describes the file only what is
// needed to read it: a new time of change would cost a second write.
func syncData(f *os.File) error {
	for {
		if err := unix.Fdatasync(int(f.Fd())); err != unix.EINTR {
			return err
		}
	}
}
