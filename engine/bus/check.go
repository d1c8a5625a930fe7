package bus

import (
	"fmt"
	"strings"
)

// Check returns ErrMessage when m can never be sent: a subject that is malformed, has
// wildcards or is too long, or a header that is reserved or would break the protocol.
func (m Message) Check() error {
	if err := checkSubject(m.Subject, false); err != nil {
		return err
	}
	if strings.ContainsAny(m.ID, "\r\n") {
		return fmt.Errorf("%w: line break in id %q", ErrMessage, m.ID)
	}
	for k, v := range m.Header {
		switch {
		case k == "" || strings.ContainsFunc(k, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == ':' }):
			return fmt.Errorf("%w: header name %q has characters other than visible ASCII", ErrMessage, k)
		case len(k) >= 5 && strings.EqualFold(k[:5], "Nats-"):
			return fmt.Errorf("%w: header %q is reserved for the broker", ErrMessage, k)
		case strings.ContainsAny(v, "\r\n") || strings.TrimSpace(v) != v:
			return fmt.Errorf("%w: header %q has a line break or outer space", ErrMessage, k)
		}
	}
	return nil
}

// Size is what m costs against max_payload: payload and encoded headers.
func (m Message) Size() int {
	if len(m.Header) == 0 && m.ID == "" {
		return len(m.Data)
	}
	n := len("NATS/1.0\r\n\r\n") + len(m.Data)
	if m.ID != "" {
		n += len("Nats-Msg-Id: \r\n") + len(m.ID)
	}
	for k, v := range m.Header {
		n += len(k) + len(v) + len(": \r\n")
	}
	return n
}

// CheckPattern returns ErrMessage when p is no subject pattern.
func CheckPattern(p string) error { return checkSubject(p, true) }

func checkSubject(s string, wildcards bool) error {
	if len(s) > maxSubject {
		return fmt.Errorf("%w: subject of %d bytes, at most %d: %.40q", ErrMessage, len(s), maxSubject, s)
	}
	for rest, last := s, false; !last; {
		var token string
		token, rest, last = cutToken(rest)
		wild := token == "*" || token == ">" && last
		switch {
		case token == "":
			return fmt.Errorf("%w: subject %q has an empty token", ErrMessage, s)
		case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r == 0x7f }):
			return fmt.Errorf("%w: subject %q has a space or control character", ErrMessage, s)
		case strings.ContainsAny(token, "*>") && (!wildcards || !wild):
			return fmt.Errorf("%w: subject %q has a misplaced wildcard", ErrMessage, s)
		}
	}
	return nil
}

func (c Consumer) check() error {
	switch {
	case c.Stream == "":
		return fmt.Errorf("%w: no stream", ErrConsumer)
	case c.Name == "" || strings.ContainsFunc(c.Name, func(r rune) bool { return r > 0x7f || !plain(byte(r)) }):
		return fmt.Errorf("%w: name %q, want letters, digits, '-' and '_'", ErrConsumer, c.Name)
	case c.MaxPending < 0 || c.Prefetch < 0 || c.AckWait < 0 || c.MaxDeliver < 0:
		return fmt.Errorf("%w %q: negative MaxPending, Prefetch, AckWait or MaxDeliver", ErrConsumer, c.Name)
	}
	for i, f := range c.Filter {
		if err := CheckPattern(f); err != nil {
			return fmt.Errorf("%w %q: filter %d: %w", ErrConsumer, c.Name, i, err)
		}
		for _, g := range c.Filter[:i] {
			if Overlap(f, g) {
				return fmt.Errorf("%w %q: filters %q and %q overlap", ErrConsumer, c.Name, g, f)
			}
		}
	}
	return nil
}
