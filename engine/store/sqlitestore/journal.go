package sqlitestore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"

	"github.com/heddlehq/heddle/engine/store"
)

// journal is where commits become durable: two files that are written in turn. A file is used
// again once all it holds stands in the tables.
//
// A file begins with a head: magic, version, a salt that tells its records from what the file
// held before, and a checksum. Each record is the outcome of one group commit: its length, a
// checksum, its number and the writes, see [record]. Numbers have no gaps across both files.
type journal struct {
	files  [2]*segment
	active int
	next   uint64 // number of the next record
	broken error  // after a failed sync nothing can be promised any more
}

// segment is one of the two files.
type segment struct {
	file *os.File
	salt uint64
	end  int64  // where the next record goes
	size int64  // of the file; behind end there are zeros or older records
	last uint64 // number of the last record, 0 when there is none
}

const (
	magic      = "heddle-j"
	headSize   = 32
	recordHead = 16

	journalStep  = 1 << 20  // by so much a file grows, so that most syncs need not record a new size
	journalLimit = 16 << 20 // the other file's turn comes when one has so many bytes
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errUnsynced says that a sync failed: what was to be written may be lost although it can be read.
var errUnsynced = errors.New("a write may not have reached the disk; the store takes no more until it is opened anew")

// errDamaged says that a journal holds something else than it was given.
var errDamaged = errors.New("the journal is damaged")

// openJournal opens the files at path, with the ends -ahead1 and -ahead2, and gives read every
// record whose number is above applied, in order.
func openJournal(path string, applied uint64, read func(number uint64, payload []byte) error) (_ *journal, err error) {
	j := &journal{next: applied + 1}
	defer func() {
		if err != nil {
			err = errors.Join(err, j.close())
		}
	}()
	var found [2][]saved
	for i := range j.files {
		f, err := os.OpenFile(fmt.Sprintf("%s-ahead%d", path, i+1), os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, err
		}
		s := &segment{file: f}
		j.files[i] = s
		if found[i], err = s.load(); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name(), err)
		}
	}
	older := 0
	if j.files[0].last > j.files[1].last {
		older = 1
	}
	for _, i := range []int{older, 1 - older} {
		for _, r := range found[i] {
			if r.number < j.next {
				continue
			}
			if r.number > j.next {
				return nil, fmt.Errorf("%w: %w: record %d is followed by %d", store.ErrCorrupt, errDamaged, j.next-1, r.number)
			}
			if err := read(r.number, r.payload); err != nil {
				return nil, err
			}
			j.next++
		}
	}
	return j, nil
}

// saved is a record as it was read.
type saved struct {
	number  uint64
	payload []byte
}

// load reads a file's records up to the first that is not whole: the end, where a crash may
// have cut one short. A whole one behind it means that the file was damaged.
func (s *segment) load() ([]saved, error) {
	data, err := io.ReadAll(s.file)
	if err != nil {
		return nil, err
	}
	s.size = int64(len(data))
	if len(data) < headSize || string(data[:headSize]) == string(make([]byte, headSize)) {
		return nil, nil // a crash while the file was made
	}
	if string(data[:8]) != magic || crc32.Checksum(data[:24], castagnoli) != binary.LittleEndian.Uint32(data[24:]) {
		return nil, fmt.Errorf("%w: %w: its head is not one of a journal", store.ErrCorrupt, errDamaged)
	}
	if v := binary.LittleEndian.Uint64(data[8:]); v != 1 {
		return nil, fmt.Errorf("written by a newer version: journal %d, this one knows 1", v)
	}
	s.salt, s.end = binary.LittleEndian.Uint64(data[16:]), headSize
	var out []saved
	for {
		r, ok := s.record(data, s.end)
		if !ok || s.last != 0 && r.number != s.last+1 {
			break
		}
		out = append(out, r)
		s.last = r.number
		s.end += span(len(r.payload))
	}
	for at := s.end + 8; at+recordHead <= s.size; at += 8 {
		if r, ok := s.record(data, at); ok && r.number > s.last {
			return nil, fmt.Errorf("%w: %w: the record at %d cannot be read, a later one can", store.ErrCorrupt, errDamaged, s.end)
		}
	}
	return out, nil
}

// record reads the record at a place, if there is one.
func (s *segment) record(data []byte, at int64) (saved, bool) {
	if at+recordHead > int64(len(data)) {
		return saved{}, false
	}
	head := data[at : at+recordHead]
	n := int64(binary.LittleEndian.Uint32(head))
	r := saved{number: binary.LittleEndian.Uint64(head[8:])}
	if n == 0 || r.number == 0 || at+recordHead+n > int64(len(data)) {
		return saved{}, false
	}
	r.payload = data[at+recordHead : at+recordHead+n]
	return r, s.checksum(r.number, r.payload) == binary.LittleEndian.Uint32(head[4:])
}

func (s *segment) checksum(number uint64, payload []byte) uint32 {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:], s.salt)
	binary.LittleEndian.PutUint64(b[8:], number)
	return crc32.Update(crc32.Checksum(b[:], castagnoli), castagnoli, payload)
}

// span is the room that a record takes; records begin at multiples of 8.
func span(payload int) int64 { return (recordHead + int64(payload) + 7) &^ 7 }

// append makes a record durable. buf holds recordHead bytes of room and then what is to be
// kept. applied is the number of the last record whose writes stand in the tables. An error
// means that the record is not there, unless the journal is broken.
func (j *journal) append(buf []byte, applied uint64) error {
	if j.broken != nil {
		return j.broken
	}
	s, err := j.turn(applied)
	if err != nil {
		if errors.Is(err, errUnsynced) {
			j.broken = err
		}
		return err
	}
	payload := buf[recordHead:]
	binary.LittleEndian.PutUint32(buf, uint32(len(payload)))
	binary.LittleEndian.PutUint32(buf[4:], s.checksum(j.next, payload))
	binary.LittleEndian.PutUint64(buf[8:], j.next)
	if err := s.grow(s.end + span(len(payload))); err != nil {
		return err
	}
	if _, err := s.file.WriteAt(buf, s.end); err != nil {
		return err
	}
	if err := syncData(s.file); err != nil {
		j.broken = fmt.Errorf("%w: %w", errUnsynced, err)
		return j.broken
	}
	s.end += span(len(payload))
	s.last = j.next
	j.next++
	return nil
}

// restart begins the files anew: all they hold stands in the tables.
func (j *journal) restart() {
	for _, s := range j.files {
		s.end, s.last = 0, 0
	}
}

// turn returns the file for the next record, made anew when it is its turn.
func (j *journal) turn(applied uint64) (*segment, error) {
	s, other := j.files[j.active], j.files[1-j.active]
	switch {
	case s.end == 0, s.last <= applied && s.end >= journalLimit:
		return s, s.begin()
	case s.end < journalLimit || other.last > applied:
		return s, nil
	}
	if err := other.begin(); err != nil {
		return nil, err
	}
	j.active = 1 - j.active
	return other, nil
}

// begin empties the file by a new head. It is synced before any record is written: were a record
// on the disk and the head not, the older records behind it would look like the end of a hole.
func (s *segment) begin() error {
	if err := s.grow(headSize); err != nil {
		return err
	}
	head := make([]byte, headSize)
	copy(head, magic)
	binary.LittleEndian.PutUint64(head[8:], 1)
	salt := rand.Uint64()
	binary.LittleEndian.PutUint64(head[16:], salt)
	binary.LittleEndian.PutUint32(head[24:], crc32.Checksum(head[:24], castagnoli))
	if _, err := s.file.WriteAt(head, 0); err != nil {
		return err
	}
	if err := syncData(s.file); err != nil {
		return fmt.Errorf("%w: %w", errUnsynced, err)
	}
	s.salt, s.end, s.last = salt, headSize, 0
	return nil
}

// grow makes the file large enough for n bytes.
func (s *segment) grow(n int64) error {
	if n <= s.size {
		return nil
	}
	size := (n + journalStep - 1) / journalStep * journalStep
	if _, err := s.file.WriteAt(make([]byte, size-s.size), s.size); err != nil {
		return err
	}
	s.size = size
	return nil
}

// close releases the files.
func (j *journal) close() error {
	var errs []error
	for _, s := range j.files {
		if s != nil {
			errs = append(errs, s.file.Close())
		}
	}
	return errors.Join(errs...)
}
