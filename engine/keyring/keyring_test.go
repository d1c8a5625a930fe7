package keyring_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/heddlehq/heddle/engine/keyring"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/engine/store/memstore"
)

func master(t *testing.T, b byte) *keyring.Local {
	t.Helper()
	m, err := keyring.NewLocal(bytes.Repeat([]byte{b}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func ring(t *testing.T, st store.Store, m keyring.Master, now func() time.Time) *keyring.Keyring {
	t.Helper()
	k, err := keyring.New(st, m, now)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestKeyring(t *testing.T) {
	t.Parallel()
	st, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	now := func() time.Time { return at }
	ctx := t.Context()
	k := ring(t, st, master(t, 1), now)
	one, err := k.Seal(ctx, "job-1", []byte("canary"))
	if err != nil || strings.Contains(one, "canary") {
		t.Fatalf("Seal = %q, %v", one, err)
	}
	if two, err := k.Seal(ctx, "job-1", []byte("canary")); err != nil || two == one {
		t.Errorf("sealed twice alike: %q, %v", two, err)
	}
	if got, err := ring(t, st, master(t, 1), now).Open(ctx, "job-1", one); string(got) != "canary" || err != nil {
		t.Errorf("another server opens %q, %v", got, err)
	}
	for name, tc := range map[string]struct {
		place, sealed string
		want          error
	}{
		"another place": {"job-2", one, keyring.ErrForged},
		"changed":       {"job-1", one[:len(one)-2] + "AA", keyring.ErrForged},
		"no key":        {"job-1", "one", keyring.ErrForged},
		"empty":         {"job-1", "", keyring.ErrForged},
		"unknown key":   {"job-1", "000000000000" + one[12:], keyring.ErrKey},
	} {
		if got, err := k.Open(ctx, tc.place, tc.sealed); !errors.Is(err, tc.want) || got != nil {
			t.Errorf("%s: opened %q, %v; want %v", name, got, err, tc.want)
		}
	}

	// The wrong master key opens nothing, and says which one is meant.
	lost := ring(t, st, master(t, 2), now)
	_, err = lost.Open(ctx, "job-1", one)
	if !errors.Is(err, keyring.ErrKey) || !strings.Contains(err.Error(), master(t, 1).Name()) || !strings.Contains(err.Error(), master(t, 2).Name()) {
		t.Errorf("with another master key: %v", err)
	}
	if _, err := lost.Seal(ctx, "job-1", []byte("x")); !errors.Is(err, keyring.ErrKey) {
		t.Errorf("with another master key Seal: %v", err)
	}

	// After a rotation the old values open, new ones have another key, and the old master opens
	// nothing any more.
	other := ring(t, st, master(t, 1), now)
	if _, err := other.Seal(ctx, "p", []byte("x")); err != nil {
		t.Fatal(err)
	}
	at = at.Add(time.Hour)
	r, err := k.Rotate(ctx, master(t, 3))
	if err != nil || r.Rewrapped != 1 {
		t.Fatalf("Rotate = %+v, %v", r, err)
	}
	fresh := ring(t, st, master(t, 3), now)
	if got, err := fresh.Open(ctx, "job-1", one); string(got) != "canary" || err != nil {
		t.Errorf("after a rotation: %q, %v", got, err)
	}
	again, err := fresh.Seal(ctx, "job-1", []byte("canary"))
	if err != nil || !strings.HasPrefix(again, r.Active+".") {
		t.Errorf("Seal = %q, %v; want key %s", again, err, r.Active)
	}
	if _, err := ring(t, st, master(t, 1), now).Open(ctx, "job-1", one); !errors.Is(err, keyring.ErrKey) {
		t.Errorf("with the old master key: %v", err)
	}
	at = at.Add(time.Minute)
	if _, err := other.Seal(ctx, "p", []byte("x")); !errors.Is(err, keyring.ErrKey) {
		t.Errorf("a server with the old master key goes on sealing: %v", err)
	}
	page, err := st.Find(ctx, store.Keys, store.Query{})
	if err != nil || page.Total != 2 {
		t.Errorf("%d keys, %v", page.Total, err)
	}
}

// failing is a key service that does not answer.
type failing struct{}

func (failing) Name() string                                   { return "none" }
func (failing) Wrap(context.Context, []byte) ([]byte, error)   { return nil, errors.New("no answer") }
func (failing) Unwrap(context.Context, []byte) ([]byte, error) { return nil, errors.New("no answer") }

func TestKeyring_noService(t *testing.T) {
	t.Parallel()
	st, err := memstore.New(memstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ring(t, st, failing{}, nil).Seal(t.Context(), "p", []byte("x")); !errors.Is(err, keyring.ErrKey) {
		t.Errorf("Seal: %v", err)
	}
	if page, err := st.Find(t.Context(), store.Keys, store.Query{}); err != nil || page.Total != 0 {
		t.Errorf("a key that was not wrapped is stored: %d, %v", page.Total, err)
	}
}

func TestFromFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "master.key")
	if _, err := keyring.FromFile(file, false); err == nil {
		t.Error("a missing file is made unasked")
	}
	one, err := keyring.FromFile(file, true)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if two, err := keyring.FromFile(file, true); err != nil || two.Name() != one.Name() {
		t.Errorf("read again: %v, %v", two, err)
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := keyring.FromFile(file, true); err == nil || !strings.Contains(err.Error(), "chmod") {
		t.Errorf("readable by others: %v", err)
	}
	for _, text := range []string{"", "zz", strings.Repeat("0", 62), strings.Repeat("0", 66)} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := keyring.FromFile(file, true); err == nil {
			t.Errorf("the key %q is taken", text)
		}
	}
}
