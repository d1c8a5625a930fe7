package natsbus

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
)

// piped returns a pipe whose other end is read by the test. stop ends its pump.
func piped(t *testing.T) (p *pipe, far net.Conn) {
	t.Helper()
	near, far := net.Pipe()
	p = newPipe(near)
	var pumps sync.WaitGroup
	pumps.Go(p.pump)
	t.Cleanup(func() {
		_ = p.Close()   // it may be closed already
		_ = far.Close() // a net.Pipe's cannot fail
		pumps.Wait()
	})
	return p, far
}

func TestPipe_keepsOrder(t *testing.T) {
	t.Parallel()
	p, far := piped(t)
	const writers, lines = 4, 2000
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for n := range lines {
				if _, err := p.Write([]byte{byte(w), byte(n >> 8), byte(n)}); err != nil {
					t.Errorf("write: %v", err)
					return
				}
			}
		})
	}
	group.Go(func() {
		var next [writers]int
		var line [3]byte
		for range writers * lines {
			if _, err := io.ReadFull(far, line[:]); err != nil {
				t.Errorf("read: %v", err)
				return
			}
			w, n := int(line[0]), int(line[1])<<8|int(line[2])
			if n != next[w] {
				t.Errorf("writer %d: line %d, want %d", w, n, next[w])
				return
			}
			next[w]++
		}
	})
	group.Wait()
}

func TestPipe_closeDelivers(t *testing.T) {
	t.Parallel()
	p, far := piped(t)
	want := bytes.Repeat([]byte("x"), 100_000)
	if _, err := p.Write(want); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Write([]byte("late")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("write after close: %v, want net.ErrClosed", err)
	}
	if got, err := io.ReadAll(far); err != nil || !bytes.Equal(got, want) {
		t.Errorf("read %d bytes, %v, want the %d written before close", len(got), err, len(want))
	}
}

// fill writes until a write has to wait, and returns what that gets.
func fill(p *pipe) error {
	for {
		if _, err := p.Write(make([]byte, pipeRoom/2)); err != nil {
			return err
		}
	}
}

func TestPipe_closeFreesWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := piped(t)
		var writer sync.WaitGroup
		writer.Go(func() {
			if err := fill(p); !errors.Is(err, net.ErrClosed) {
				t.Errorf("write: %v, want net.ErrClosed", err)
			}
		})
		synctest.Wait()
		_ = p.Close() // never fails
		writer.Wait()
	})
}

func TestPipe_breaksWhenNobodyReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := piped(t)
		if err := fill(p); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("write: %v, want os.ErrDeadlineExceeded", err)
		}
	})
}

// After a wait for room the pipe is as good as before.
func TestPipe_recovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, far := piped(t)
		const rounds = 8
		var writer sync.WaitGroup
		writer.Go(func() {
			for range rounds {
				if _, err := p.Write(make([]byte, pipeRoom)); err != nil {
					t.Errorf("write: %v", err)
				}
			}
		})
		synctest.Wait() // the writer waits
		if _, err := io.CopyN(io.Discard, far, rounds*pipeRoom); err != nil {
			t.Fatal(err)
		}
		writer.Wait()
	})
}
