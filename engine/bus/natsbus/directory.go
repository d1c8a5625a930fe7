package natsbus

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/heddlehq/heddle/engine/bus"
)

var _ bus.Directory = (*Bus)(nil)

const (
	// discovery is how long services have to answer.
	discovery = 500 * time.Millisecond
	// maxPiece is how much of a document one answer holds. sizeHeader tells the length of all of it.
	maxPiece   = 512 << 10
	sizeHeader = "Heddle-Size"
	// maxDocument bounds what Request reads.
	maxDocument = 64 << 20
)

// Announce implements [bus.Directory] with a NATS micro service.
func (b *Bus) Announce(ctx context.Context, s bus.Service) error {
	config := micro.Config{Name: s.Name, Version: s.Version, Description: s.Description, Metadata: s.Metadata}
	if s.Stats != nil {
		config.StatsHandler = func(*micro.Endpoint) any { return s.Stats() }
	}
	service, err := micro.AddService(b.conn, config)
	if err != nil {
		return fmt.Errorf("announce %s: %w", s.Name, err)
	}
	for i, subject := range slices.Sorted(maps.Keys(s.Documents)) {
		err := service.AddEndpoint(documentName(i), piece(s.Documents[subject]), micro.WithEndpointSubject(subject))
		if err != nil {
			return errors.Join(fmt.Errorf("announce %s on %s: %w", s.Name, subject, err), service.Stop())
		}
	}
	select {
	case <-ctx.Done():
	case <-b.done:
		return nil // its subscriptions end with the connection
	}
	if err := errors.Join(service.Stop(), b.conn.FlushTimeout(answerTimeout)); err != nil && b.conn.IsConnected() {
		return fmt.Errorf("end %s: %w", s.Name, err)
	}
	return nil
}

func documentName(i int) string {
	if i == 0 {
		return "manifest"
	}
	return "document-" + strconv.Itoa(i)
}

// piece answers with the document from the offset on that the request names, "" being 0.
func piece(document []byte) micro.HandlerFunc {
	return func(r micro.Request) {
		offset := 0
		if text := string(r.Data()); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil || n < 0 || n > len(document) {
				_ = r.Error("400", "the request is the offset to read from", nil) // whoever asked is told or gone
				return
			}
			offset = n
		}
		end := min(offset+maxPiece, len(document))
		_ = r.Respond(document[offset:end], micro.WithHeaders(micro.Headers{sizeHeader: {strconv.Itoa(len(document))}})) // the same
	}
}

// Services implements [bus.Directory].
func (b *Bus) Services(ctx context.Context) ([]bus.Service, error) {
	answers := make(chan *nats.Msg, 256)
	inbox := b.conn.NewInbox()
	sub, err := b.conn.ChanSubscribe(inbox, answers)
	if err != nil {
		return nil, b.classify(err)
	}
	defer func() { _ = sub.Unsubscribe() }() // it ends with the connection at the latest
	if err := b.conn.PublishRequest(micro.APIPrefix+"."+micro.InfoVerb.String(), inbox, nil); err != nil {
		return nil, b.classify(err)
	}
	var out []bus.Service
	end := time.NewTimer(discovery)
	defer end.Stop()
	for {
		select {
		case m := <-answers:
			var info micro.Info
			if err := json.Unmarshal(m.Data, &info); err == nil && info.Name != "" {
				out = append(out, bus.Service{Name: info.Name, ID: info.ID, Version: info.Version, Description: info.Description, Metadata: info.Metadata})
			}
		case <-end.C:
			slices.SortFunc(out, func(a, b bus.Service) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
			return out, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Request implements [bus.Directory].
func (b *Bus) Request(ctx context.Context, subject string) ([]byte, error) {
	var document bytes.Buffer
	for {
		offset := ""
		if document.Len() > 0 {
			offset = strconv.Itoa(document.Len())
		}
		asking, cancel := context.WithTimeout(ctx, answerTimeout)
		m, err := b.conn.RequestWithContext(asking, subject, []byte(offset))
		cancel()
		switch {
		case err != nil:
			return nil, fmt.Errorf("request %s: %w", subject, b.classify(err))
		case m.Header.Get(micro.ErrorHeader) != "":
			return nil, fmt.Errorf("request %s: %s", subject, m.Header.Get(micro.ErrorHeader))
		}
		document.Write(m.Data)
		size, err := strconv.Atoi(m.Header.Get(sizeHeader))
		switch {
		case err != nil || document.Len() >= size: // a short one may say nothing of its size
			return document.Bytes(), nil
		case len(m.Data) == 0 || size > maxDocument:
			return nil, fmt.Errorf("request %s: a piece of %d bytes of %d", subject, len(m.Data), size)
		}
	}
}
