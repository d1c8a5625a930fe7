package sqlitestore_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/engine/store/sqlitestore"
	"github.com/heddlehq/heddle/engine/store/storetest"
)

func open(t testing.TB, path string) *sqlitestore.Store {
	t.Helper()
	s, err := sqlitestore.Open(t.Context(), path, sqlitestore.Options{Collections: storetest.Collections})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, filepath.Join(t.TempDir(), "a b#c?.db")) })
}

func TestStore_durable(t *testing.T) {
	storetest.RunDurable(t, func(dir string, collections []store.Collection) (store.Store, error) {
		s, err := sqlitestore.Open(context.Background(), filepath.Join(dir, "data", "heddle.db"), sqlitestore.Options{Collections: collections})
		if err != nil {
			return nil, err // not the nil *Store, which would be a store.Store
		}
		return s, nil
	})
}

func TestOpen_refused(t *testing.T) {
	t.Parallel()
	garbage := func(t *testing.T, path string) {
		if err := os.WriteFile(path, bytes.Repeat([]byte("not a database "), 1000), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	damaged := func(t *testing.T, path string) {
		s := open(t, path)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		copy(data[100:4096], bytes.Repeat([]byte{0xa5}, 4096))
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	inUse := func(t *testing.T, path string) {
		s := open(t, path)
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	readOnly := func(t *testing.T, path string) {
		if os.Geteuid() == 0 {
			t.Skip("root may write everywhere")
		}
		if err := os.WriteFile(path, nil, 0o400); err != nil {
			t.Fatal(err)
		}
	}
	for name, tc := range map[string]struct {
		prepare func(t *testing.T, path string)
		want    error
	}{
		"damaged":        {damaged, store.ErrCorrupt},
		"in use":         {inUse, store.ErrLocked},
		"not a database": {garbage, store.ErrCorrupt},
		"read-only":      {readOnly, store.ErrReadOnly},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "heddle.db")
			tc.prepare(t, path)
			s, err := sqlitestore.Open(t.Context(), path, sqlitestore.Options{Collections: storetest.Collections})
			if s != nil || !errors.Is(err, tc.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("opened %v, error %v, want %v that names the file", s, err, tc.want)
			}
		})
	}
}

func TestFind_likeMemstore(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "heddle.db"))
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	storetest.Alike(t, s, 200)
}
