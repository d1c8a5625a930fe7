package system

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

// Where the starts of an embedded system are counted, in the store and beside the bus.
const (
	generationID   = "bus"        // among the settings
	generationFile = "generation" // in the bus's folder
)

// countStart counts the starts in the store and beside the bus, and makes a bus anew that is ahead
// of the store: that was restored from a backup, and the bus holds orders, results and ids of
// messages from a time that did not happen. What the store wants done it says again.
func (c *Config) countStart(ctx context.Context, st store.Store, dir string) error {
	stored, err := storeGeneration(ctx, st)
	if err != nil {
		return fmt.Errorf("generation of the store: %w", err)
	}
	file := filepath.Join(dir, generationFile)
	told, err := fileGeneration(file)
	if err != nil {
		return fmt.Errorf("generation of the bus: %w", err)
	}
	if told > stored {
		c.Log.Warn("the store is older than the bus, as after a backup was restored; the bus is made anew", "store", stored, "bus", told)
		if err := empty(dir); err != nil {
			return fmt.Errorf("bus from a later time than the store: %w", err)
		}
	}
	next := max(stored, told) + 1
	// The store first: a bus that is behind it does no harm.
	if err := st.Commit(ctx, store.Batch{{
		Collection: store.Settings, ID: generationID, Expect: store.Any,
		Body: value.Object("generation", value.Int(next)).AppendJSON(nil), Index: []any{nil},
	}})[0]; err != nil {
		return fmt.Errorf("generation of the store: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("bus folder: %w", err)
	}
	if err := os.WriteFile(file, []byte(strconv.FormatInt(next, 10)+"\n"), 0o600); err != nil {
		return fmt.Errorf("generation of the bus: %w", err)
	}
	return nil
}

// storeGeneration is 0 for a store that was never started with a bus.
func storeGeneration(ctx context.Context, st store.Store) (int64, error) {
	doc, err := st.Get(ctx, store.Settings, generationID)
	if errors.Is(err, store.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	v, err := value.ParseLast(doc.Body)
	if err != nil {
		return 0, err
	}
	n, _ := v.Get("generation").Int()
	return n, nil
}

// fileGeneration is 0 when there is no file, or none that was written to its end.
func fileGeneration(path string) (int64, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	line, whole := strings.CutSuffix(string(data), "\n")
	n, err := strconv.ParseInt(line, 10, 64)
	if err != nil || !whole {
		return 0, nil
	}
	return n, nil
}

// empty deletes what is in a folder, which itself may be where a disk is mounted.
func empty(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}
