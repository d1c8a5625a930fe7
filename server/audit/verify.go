package audit

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

// Report is the outcome of a verification.
type Report struct {
	Links  int64  // that were found whole, from the first on
	Head   Anchor // the last of them
	Broken *Break // the first break; nil when there is none
}

// Break is a place where the chain does not hold.
type Break struct {
	Seq  int64  // of the link that should stand there
	ID   string // of the document found there; "" when there is none
	Text string
}

func (b *Break) String() string { return fmt.Sprintf("link %d: %s", b.Seq, b.Text) }

// Verify walks the chain from its beginning, a page at a time, and reports the first break.
// It also breaks where it does not pass through an anchor noted earlier. Entries may be
// appended meanwhile. The error is that of a store that cannot be read.
func (l *Log) Verify(ctx context.Context, noted ...Anchor) (Report, error) {
	v := newVerifier(noted)
	q := store.Query{Sort: []store.Order{{Field: store.ID}}, Limit: page, NoTotal: true}
	looked := int64(-1) // at the break of this link, a second time
	for {
		found, err := l.Store.Find(ctx, store.Audit, q)
		if err != nil {
			return v.Report, fmt.Errorf("read the audit log: %w", err)
		}
		for _, d := range found.Docs {
			if v.take(d.ID, d.Body); v.Broken != nil {
				break
			}
		}
		switch {
		case v.Broken == nil && found.Next == nil:
			return v.end(), nil
		case v.Broken == nil:
			q.After = found.Next
			continue
		case v.Broken.Seq == looked:
			return v.Report, nil
		}
		// A store may show two links of a commit just made the later one first: look again.
		looked, v.Broken = v.Broken.Seq, nil
		if q.After = nil; v.Head.Seq > 0 {
			q.After = store.Cursor{key(v.Head.Seq)}
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return v.Report, err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// VerifyExport verifies the lines of a whole export as [Log.Verify] does a store.
func VerifyExport(r io.Reader, noted ...Anchor) (Report, error) {
	v := newVerifier(noted)
	lines := bufio.NewReader(r)
	for v.Broken == nil {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			v.take("", line)
		}
		switch {
		case errors.Is(err, io.EOF) && v.Broken == nil:
			return v.end(), nil
		case err != nil && !errors.Is(err, io.EOF):
			return v.Report, fmt.Errorf("read the export: %w", err)
		}
	}
	return v.Report, nil
}

// verifier follows a chain link by link.
type verifier struct {
	Report
	noted []Anchor // those still ahead, in order
}

func newVerifier(noted []Anchor) *verifier {
	noted = slices.DeleteFunc(slices.Clone(noted), func(a Anchor) bool { return a.Seq == 0 })
	slices.SortFunc(noted, func(a, b Anchor) int { return cmp.Compare(a.Seq, b.Seq) })
	return &verifier{Report: Report{Head: Anchor{Hash: Origin}}, noted: noted}
}

// take looks at the next link. Its id is that of its document, or "" when it has none but its
// own.
func (v *verifier) take(id string, body []byte) {
	want := v.Head.Seq + 1
	broken := func(format string, args ...any) {
		v.Broken = &Break{Seq: want, ID: id, Text: fmt.Sprintf(format, args...)}
	}
	doc, err := value.Parse(body)
	var link Link
	if err == nil {
		link, err = decode(doc)
	}
	if id == "" {
		id = doc.Get("_id").Text()
	}
	switch {
	case err != nil:
		broken("It cannot be read: %v.", err)
	case id != key(link.Seq) || doc.Get("_id").Text() != id:
		broken("The document %q says that it is link %d.", id, link.Seq)
	case link.Seq > want:
		broken("It is missing; the next one is link %d.", link.Seq)
	case link.Seq < want:
		broken("Link %d stands in its place.", link.Seq)
	case sum(doc) != link.Hash:
		broken("It was changed: its hash is another one than it carries.")
	case link.Prev != v.Head.Hash:
		broken("It does not follow link %d, which is another one than when it was appended.", v.Head.Seq)
	case !v.asNoted(link):
		broken("It is another one than was noted: the chain was written anew.")
	default:
		v.Links++
		v.Head = Anchor{Seq: link.Seq, Hash: link.Hash}
	}
}

// asNoted tells whether a link is the one that was noted for its place, if one was.
func (v *verifier) asNoted(link Link) bool {
	for len(v.noted) > 0 && v.noted[0].Seq == link.Seq {
		if v.noted[0].Hash != link.Hash {
			return false
		}
		v.noted = v.noted[1:]
	}
	return true
}

// end sees that the chain reaches as far as was noted.
func (v *verifier) end() Report {
	if len(v.noted) > 0 {
		last := v.noted[len(v.noted)-1]
		v.Broken = &Break{Seq: v.Head.Seq + 1, Text: fmt.Sprintf("It is missing: the chain was noted up to link %d and is cut off here.", last.Seq)}
	}
	return v.Report
}
