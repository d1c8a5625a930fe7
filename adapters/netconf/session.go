package netconf

import (
	"bufio"
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/devices"
	"github.com/heddlehq/heddle/adapters/network"
	"github.com/heddlehq/heddle/engine"
)

const (
	namespace = "urn:ietf:params:xml:ns:netconf:base:1.0"
	base10    = "urn:ietf:params:netconf:base:1.0"
	base11    = "urn:ietf:params:netconf:base:1.1"
	hello     = `<?xml version="1.0" encoding="UTF-8"?><hello xmlns="` + namespace + `"><capabilities><capability>` + base10 +
		`</capability><capability>` + base11 + `</capability></capabilities></hello>`
)

// session is a NETCONF session with a device. It is used by one goroutine.
type session struct {
	conn         *devices.Conn
	frames       frames
	capabilities []string
	timeout      time.Duration
	id           int
	broken       error // why nothing can be asked any more
}

// open starts a session; both sides say what they can do.
func open(ctx context.Context, n *devices.Network, t devices.Target, timeout time.Duration) (*session, error) {
	conn, err := n.Dial(ctx, t)
	if err != nil {
		return nil, err
	}
	s := &session{conn: conn, timeout: n.ConnectTimeout()}
	err = s.within(ctx, "opening a session", true, func() error {
		channel, err := conn.NewSession()
		if err != nil {
			return err
		}
		in, err := channel.StdinPipe()
		if err != nil {
			return err
		}
		out, err := channel.StdoutPipe()
		if err != nil {
			return err
		}
		if err := channel.RequestSubsystem("netconf"); err != nil {
			return &adapters.Error{Class: adapters.ClassRemote, Text: "the device does not offer NETCONF: " + err.Error(), Retryable: new(bool)}
		}
		s.frames = frames{in: in, out: bufio.NewReader(out), left: n.MaxBytes, most: n.MaxBytes}
		return s.greet()
	})
	if err != nil {
		conn.Close()
		return nil, err
	}
	s.timeout = timeout
	return s, nil
}

func (s *session) greet() error {
	if err := s.frames.write([]byte(hello)); err != nil {
		return err
	}
	message, err := s.frames.read()
	if err != nil {
		return err
	}
	var h struct {
		XMLName      xml.Name `xml:"hello"`
		Capabilities []string `xml:"capabilities>capability"`
	}
	if err := xml.Unmarshal(message, &h); err != nil {
		return protocol("its hello cannot be read: %v", err)
	}
	for _, c := range h.Capabilities {
		c = strings.TrimSpace(c)
		s.capabilities = append(s.capabilities, c)
		s.frames.chunked = s.frames.chunked || c == base11
	}
	return nil
}

// protocol is an error of a device that does not keep to the standard.
func protocol(format string, args ...any) error {
	return &adapters.Error{Class: adapters.ClassRemote, Text: "the device does not speak NETCONF: " + fmt.Sprintf(format, args...), Retryable: new(bool)}
}

// do sends an operation and waits for its answer. An error of the device is an error, with what
// it says; another try is safe after a broken connection if the operation may be repeated.
func (s *session) do(ctx context.Context, operation string, repeatable bool) (*reply, error) {
	if s.broken != nil {
		return nil, s.broken
	}
	var r *reply
	err := s.within(ctx, nameOf(operation), repeatable, func() error {
		s.id++
		id := strconv.Itoa(s.id)
		message := `<?xml version="1.0" encoding="UTF-8"?><rpc xmlns="` + namespace + `" message-id="` + id + `">` + operation + `</rpc>`
		if err := s.frames.write([]byte(message)); err != nil {
			return err
		}
		for {
			data, err := s.frames.read()
			if err != nil {
				return err
			}
			r = &reply{}
			if err := xml.Unmarshal(data, r); err != nil {
				return protocol("its answer cannot be read: %v", err)
			}
			if r.XMLName.Local == "rpc-reply" && (r.ID == id || r.ID == "") {
				return nil
			}
		}
	})
	if err != nil {
		s.broken = err
		return nil, err
	}
	return r, r.err()
}

// nameOf is the name of an operation, as people call it.
func nameOf(operation string) string {
	name := strings.TrimLeft(operation, "< \n\t")
	if end := strings.IndexAny(name, " />\n\t"); end > 0 {
		name = name[:end]
	}
	return name
}

// within does something that must be over in time. What is not over leaves the session unusable.
func (s *session) within(ctx context.Context, what string, repeatable bool, do func() error) error {
	limit, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	stop := context.AfterFunc(limit, s.conn.Close)
	err := do()
	if stop() && err == nil {
		return nil
	}
	e, ok := errors.AsType[*adapters.Error](err)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case ok:
		return e
	case limit.Err() != nil:
		return &adapters.Error{Class: adapters.ClassTimeout, Text: fmt.Sprintf("%s: no answer within %s", what, s.timeout), Retryable: &repeatable}
	}
	return &adapters.Error{Class: adapters.ClassNetwork, Text: fmt.Sprintf("%s: the connection was lost", what), Retryable: &repeatable}
}

// closing is how long a session waits for the device's farewell.
const closing = time.Second

// close says farewell, so that the device need not find out by itself.
func (s *session) close() {
	if s.broken == nil {
		s.timeout = min(s.timeout, closing)
		_, _ = s.do(context.Background(), "<close-session/>", true) // the connection ends in any case
	}
	s.conn.Close()
}

// frames are the messages of a session, RFC 6242.
type frames struct {
	in      io.Writer
	out     *bufio.Reader
	chunked bool
	left    int64 // bytes that may still be read
	most    int64
}

const endOfMessage = "]]>]]>"

func (f *frames) write(message []byte) error {
	var framed []byte
	switch {
	case f.chunked:
		framed = fmt.Appendf(nil, "\n#%d\n%s\n##\n", len(message), message)
	case strings.Contains(string(message), endOfMessage):
		return network.Wrong("the XML must not contain %s for a device that knows NETCONF 1.0 only", endOfMessage)
	default:
		framed = append(message, endOfMessage...)
	}
	_, err := f.in.Write(framed)
	return err
}

func (f *frames) spend(n int64) error {
	if f.left -= n; f.left < 0 {
		return &adapters.Error{
			Class: engine.ClassLimit, Text: fmt.Sprintf("the device said more than %d bytes, /maxBytes of the adapter instance", f.most), Retryable: new(bool),
		}
	}
	return nil
}

func (f *frames) read() ([]byte, error) {
	if f.chunked {
		return f.readChunks()
	}
	var message []byte
	for {
		part, err := f.out.ReadSlice('>')
		message = append(message, part...)
		if spent := f.spend(int64(len(part))); spent != nil {
			return nil, spent
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return nil, err
		}
		if whole, ok := bytes.CutSuffix(message, []byte(endOfMessage)); ok {
			return whole, nil
		}
	}
}

// readChunks reads a message of chunks: LF # size LF data, and LF ## LF at the end.
func (f *frames) readChunks() ([]byte, error) {
	var message []byte
	for {
		size, err := f.chunkSize()
		if err != nil {
			return nil, err
		}
		if size == 0 {
			return message, nil
		}
		if err := f.spend(size); err != nil {
			return nil, err
		}
		from := len(message)
		message = append(message, make([]byte, size)...)
		if _, err := io.ReadFull(f.out, message[from:]); err != nil {
			return nil, err
		}
	}
}

// chunkSize reads the head of a chunk; 0 is the end of the message.
func (f *frames) chunkSize() (int64, error) {
	const longest = 16
	var head []byte
	for len(head) < longest {
		b, err := f.out.ReadByte()
		if err != nil {
			return 0, err
		}
		if b == '\n' && len(head) > 0 {
			break
		}
		if b != '\n' && b != '\r' {
			head = append(head, b)
		}
	}
	if string(head) == "##" {
		return 0, nil
	}
	digits, ok := strings.CutPrefix(string(head), "#")
	size, err := strconv.ParseUint(digits, 10, 32)
	if !ok || err != nil || size == 0 {
		return 0, protocol("%q is no chunk", head)
	}
	return int64(size), nil
}
