package sqlitestore

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/heddlehq/heddle/engine/store"
)

// crashed returns the path of a store whose process died with so many notes in its journal and
// none in its tables.
func crashed(t *testing.T, notes int) string {
	t.Helper()
	s := openNotes(t, filepath.Join(t.TempDir(), "alive.db"))
	s.rows.mu.Lock() // no flush
	defer s.rows.mu.Unlock()
	for i := range notes {
		if err := s.Commit(t.Context(), note(fmt.Sprint("n", i), 100+i))[0]; err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "crashed.db")
	for _, end := range []string{"", "-wal", "-ahead1", "-ahead2"} {
		data, err := os.ReadFile(s.path + end)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path+end, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func count(t *testing.T, s *Store) int {
	t.Helper()
	p, err := s.Find(t.Context(), "notes", store.Query{})
	if err != nil {
		t.Fatal(err)
	}
	if p.Total != len(p.Docs) {
		t.Errorf("total %d of %d notes", p.Total, len(p.Docs))
	}
	return len(p.Docs)
}

// TestOpen_journal opens stores whose journal a crash or a disk left in some state.
func TestOpen_journal(t *testing.T) {
	t.Parallel()
	const notes = 5
	ends := func(data []byte) (out []int) { // of the records
		s := segment{salt: binary.LittleEndian.Uint64(data[16:])}
		for at := int64(headSize); ; {
			r, ok := s.record(data, at)
			if !ok {
				return out
			}
			at += span(len(r.payload))
			out = append(out, int(at))
		}
	}
	for name, tc := range map[string]struct {
		change func(data []byte) []byte
		want   int
		refuse error
	}{
		"as it was":                 {func(d []byte) []byte { return d }, notes, nil},
		"cut in the last record":    {func(d []byte) []byte { return d[:ends(d)[notes-1]-9] }, notes - 1, nil},
		"the last record is torn":   {func(d []byte) []byte { d[ends(d)[notes-1]-20] ^= 1; return d }, notes - 1, nil},
		"nothing behind the head":   {func(d []byte) []byte { return d[:headSize] }, 0, nil},
		"never begun":               {func(d []byte) []byte { return make([]byte, len(d)) }, 0, nil},
		"empty":                     {func([]byte) []byte { return nil }, 0, nil},
		"damaged in the middle":     {func(d []byte) []byte { d[ends(d)[1]+20] ^= 1; return d }, 0, store.ErrCorrupt},
		"damaged head":              {func(d []byte) []byte { d[3] ^= 1; return d }, 0, store.ErrCorrupt},
		"another salt":              {func(d []byte) []byte { d[16] ^= 1; return d }, 0, store.ErrCorrupt},
		"lengths without an end":    {func(d []byte) []byte { copy(d[ends(d)[notes-1]:], bytes.Repeat([]byte{0xff}, 16)); return d }, notes, nil},
		"records of an older turn":  {func(d []byte) []byte { return append(d, d[headSize:ends(d)[0]]...) }, notes, nil},
		"a length that is too long": {func(d []byte) []byte { d[ends(d)[notes-2]+3] = 0x7f; return d }, notes - 1, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := crashed(t, notes)
			data, err := os.ReadFile(path + "-ahead1")
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path+"-ahead1", tc.change(data), 0o600); err != nil {
				t.Fatal(err)
			}
			if tc.refuse != nil {
				if s, err := Open(t.Context(), path, Options{Collections: notesOnly}); !errors.Is(err, tc.refuse) || !strings.Contains(err.Error(), "ahead1") {
					t.Errorf("opened %v, error %v, want %v that names the file", s, err, tc.refuse)
				}
				return
			}
			for range 2 { // the second time nothing is read from the journal
				s := openNotes(t, path)
				if n := count(t, s); n != tc.want {
					t.Fatalf("%d notes, want %d", n, tc.want)
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestOpen_journalOfOtherFields reads a journal that was written when a collection had other
// fields, and refuses one with a collection that is not known.
func TestOpen_journalOfOtherFields(t *testing.T) {
	t.Parallel()
	path := crashed(t, 0)
	s := openNotes(t, path)
	s.rows.mu.Lock()
	body := `{"colour":"red","topic":"t"}`
	if err := s.Commit(t.Context(), store.Batch{{Collection: "notes", ID: "a", Body: []byte(body), Index: []any{"t"}}})[0]; err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "copy.db")
	for _, end := range []string{"", "-wal", "-ahead1", "-ahead2"} {
		data, err := os.ReadFile(path + end)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(copied+end, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.rows.mu.Unlock()
	if _, err := Open(t.Context(), copied, Options{Collections: []store.Collection{{Name: "others"}}}); err == nil || !strings.Contains(err.Error(), `"notes"`) {
		t.Errorf("a journal with an unknown collection: %v", err)
	}
	other, err := Open(t.Context(), copied, Options{Collections: []store.Collection{{
		Name: "notes", Fields: []store.Field{{Name: "colour", Type: store.Text}, {Name: "topic", Type: store.Text}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	p, err := other.Find(t.Context(), "notes", store.Query{Where: store.And{store.Where("colour", store.Eq, "red"), store.Where("topic", store.Eq, "t")}})
	if err != nil || len(p.Docs) != 1 || string(p.Docs[0].Body) != body {
		t.Errorf("found %v, %v", p.Docs, err)
	}
}

// TestJournal_turns writes more than both files hold, with flushes and without, and reads it back.
func TestJournal_turns(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "j")
	j, err := openJournal(path, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	record := func(n uint64) []byte {
		return append(make([]byte, recordHead), bytes.Repeat([]byte(fmt.Sprintf("%08d", n)), 64<<10/8)...)
	}
	const turn = journalLimit / (64 << 10)
	applied := uint64(0)
	for n := uint64(1); n <= 5*turn; n++ {
		if n%turn == turn/2 && n < 4*turn {
			applied = n - 10 // the tables have all but the last ones
		}
		if err := j.append(record(n), applied); err != nil {
			t.Fatal(err)
		}
	}
	for i, s := range j.files {
		if s.size > 3*journalLimit {
			t.Errorf("file %d has %d bytes", i, s.size)
		}
	}
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
	want := applied + 1
	j, err = openJournal(path, applied, func(n uint64, payload []byte) error {
		if n != want || !bytes.Equal(payload, record(n)[recordHead:]) {
			return fmt.Errorf("record %d, want %d: %.20q", n, want, payload)
		}
		want++
		return nil
	})
	if err != nil || want != 5*turn+1 {
		t.Fatalf("read up to %d, error %v, want %d", want-1, err, 5*turn)
	}
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
}

// TestFlush_full lets the tables run out of room while the journal has some: what was accepted
// stays, what comes is refused until there is room again.
func TestFlush_full(t *testing.T) {
	t.Parallel()
	s := openNotes(t, filepath.Join(t.TempDir(), "full.db"))
	limit := func(pages int) {
		t.Helper()
		s.rows.mu.Lock()
		defer s.rows.mu.Unlock()
		if _, err := s.rows.conn.exec(fmt.Sprintf("PRAGMA max_page_count = %d", pages)); err != nil {
			t.Fatal(err)
		}
	}
	limit(30)
	accepted := 0
	var refusal error
	for deadline := time.Now().Add(30 * time.Second); refusal == nil; {
		if time.Now().After(deadline) {
			t.Fatal("the store never says that it is full")
		}
		if refusal = s.Commit(t.Context(), note(fmt.Sprint("n", accepted), 100<<10))[0]; refusal == nil {
			accepted++
		}
	}
	if !errors.Is(refusal, store.ErrFull) {
		t.Fatalf("refused with %v, want ErrFull", refusal)
	}
	if _, err := s.Find(t.Context(), "notes", store.Query{}); err != nil {
		t.Errorf("a list while the store is full: %v", err)
	}
	if d, err := s.Get(t.Context(), "notes", fmt.Sprint("n", accepted-1)); err != nil || len(d.Body) != 100<<10 {
		t.Errorf("the last accepted note: %v", err)
	}
	limit(100_000)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) { // the store tries again each second
		if err := s.Commit(t.Context(), note("later", 10))[0]; err == nil {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("with room again: %v", err)
		}
	}
	if n := count(t, s); n != accepted+1 {
		t.Errorf("%d notes, want %d", n, accepted+1)
	}
}

// TestSettle shows which queries wait for a flush: those that unflushed writes may concern.
func TestSettle(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "settle.db"), Options{Collections: []store.Collection{
		{Name: "things", Fields: []store.Field{{Name: "kind", Type: store.Text}, {Name: "due", Type: store.Time}}},
		{Name: "others", Fields: []store.Field{{Name: "x", Type: store.Text}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	put := func(id string, due any) {
		t.Helper()
		if err := s.Commit(t.Context(), store.Batch{{Collection: "things", ID: id, Expect: store.Any, Body: []byte("{}"), Index: []any{"k", due}}})[0]; err != nil {
			t.Fatal(err)
		}
	}
	put("timed", int64(5))
	if _, err := s.Find(t.Context(), "things", store.Query{}); err != nil { // all is in the tables now
		t.Fatal(err)
	}
	s.rows.mu.Lock()
	waits := func(collection string, where store.Filter) bool {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err := s.Find(ctx, collection, store.Query{Where: where})
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		return err != nil
	}
	due := store.And{store.Where("kind", store.Eq, "k"), store.Where("due", store.Lte, 7)}
	put("untimed", nil)
	for _, tc := range []struct {
		name, collection string
		where            store.Filter
		want             bool
	}{
		{"another collection", "others", nil, false},
		{"everything", "things", nil, true},
		{"a field that the write has", "things", store.Where("kind", store.Eq, "other"), true},
		{"a field that it lacks", "things", due, false},
		{"not that field", "things", store.Not{Filter: due}, true},
	} {
		if got := waits(tc.collection, tc.where); got != tc.want {
			t.Errorf("%s: waits %v, want %v", tc.name, got, tc.want)
		}
	}
	put("timed", nil)
	if !waits("things", due) {
		t.Error("a query does not wait for the write that takes its field away")
	}
	s.rows.mu.Unlock()
	p, err := s.Find(t.Context(), "things", store.Query{Where: due})
	if err != nil || len(p.Docs) != 0 {
		t.Errorf("found %v, %v", p.Docs, err)
	}
}

// TestSettle_gap lets queries follow each other as fast as they can, each after a write of its own.
func TestSettle_gap(t *testing.T) {
	t.Parallel()
	s := openNotes(t, filepath.Join(t.TempDir(), "gap.db"))
	n := 0
	for began := time.Now(); time.Since(began) < 10*flushGap; n++ {
		if err := s.Commit(t.Context(), note(fmt.Sprint("n", n), 10))[0]; err != nil {
			t.Fatal(err)
		}
		if got := count(t, s); got != n+1 {
			t.Fatalf("%d notes, want %d", got, n+1)
		}
	}
	if n > 12 {
		t.Errorf("%d flushes in %s, want one in %s at most", n, 10*flushGap, flushGap)
	}
}

// FuzzReplay reads records that were never written.
func FuzzReplay(f *testing.F) {
	schema, err := store.NewSchema(notesOnly)
	if err != nil {
		f.Fatal(err)
	}
	notes := newTable(schema.All()[0])
	f.Add(encode([]put{{key: key{notes, "a"}, entry: entry{revision: 3, body: []byte("{}"), index: []any{"topic"}}}, {key: key{notes, "b"}}})[recordHead:])
	f.Fuzz(func(t *testing.T, payload []byte) {
		s := &Store{tables: map[string]*table{"notes": notes}, mem: newMemtable([]*table{notes}, 0)}
		if err := s.replay(1, payload); err != nil {
			return
		}
		for _, p := range s.mem.adding.docs {
			if p.revision > 0 && len(p.index) != 1 {
				t.Errorf("a note with %d index values", len(p.index))
			}
		}
	})
}
