package natsbus_test

import (
	"syscall"
	"testing"
	"time"
)

// cpu returns what measures the processor time, user and system, that this process spends from now on.
func cpu(b *testing.B) func() time.Duration {
	b.Helper()
	spent := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	start := spent()
	return func() time.Duration { return spent() - start }
}
