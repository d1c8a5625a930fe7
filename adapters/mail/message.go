package mail

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io"
	"mime"
	"net/mail"
	"regexp"
	"strings"

	gomail "github.com/wneessen/go-mail"

	"github.com/heddlehq/heddle/adapters/network"
	"github.com/heddlehq/heddle/workflows/value"
)

type message struct {
	From        string      `json:"from,omitempty" doc:"address of the sender; that of the instance unless given"`
	DisplayName string      `json:"displayName,omitempty" doc:"name of the sender"`
	To          value.Value `json:"to" doc:"addresses: a list, or a text with commas or semicolons between them"`
	Subject     string      `json:"subject" doc:"the subject"`
	Body        string      `json:"body" doc:"the text; one with HTML tags is sent as HTML unless type says otherwise"`
	Type        string      `json:"type,omitempty" enum:"html,text" doc:"what the body is"`
	Text        string      `json:"text,omitempty" doc:"the same as plain text, for readers that show no HTML"`
}

type fullMessage struct {
	message
	CC          value.Value `json:"cc,omitzero" doc:"addresses that get a copy, like to"`
	BCC         value.Value `json:"bcc,omitzero" doc:"addresses that get a copy nobody sees, like to"`
	ReplyTo     string      `json:"replyTo,omitempty" doc:"address for answers"`
	Attachments value.Value `json:"attachments,omitzero" doc:"list of {filename, content, encoding?, contentType?, cid?}: content is a text, with encoding base64 bytes; cid puts an image into the HTML"`
}

// compose makes the mail, and lists to whom it goes.
func (s *server) compose(in *fullMessage, key string) (*gomail.Msg, []string, error) {
	m := gomail.NewMsg(gomail.WithEncoding(gomail.EncodingQP))
	if in.From == "" {
		in.From = s.From
	}
	if in.From == "" {
		return nil, nil, network.Wrong("/from must be given: the adapter instance has no sender of its own")
	}
	from, err := addresses("/from", []string{in.From})
	if err != nil {
		return nil, nil, err
	}
	if in.DisplayName != "" {
		from[0].Name = in.DisplayName
	}
	m.FromMailAddress(from[0])
	var recipients []string
	for _, l := range []struct {
		name string
		v    value.Value
		set  func(...*mail.Address)
	}{{"/to", in.To, m.ToMailAddress}, {"/cc", in.CC, m.CcMailAddress}, {"/bcc", in.BCC, m.BccMailAddress}} {
		list, err := list(l.name, l.v)
		if err != nil {
			return nil, nil, err
		}
		if len(list) > 0 {
			l.set(list...)
		}
		for _, a := range list {
			recipients = append(recipients, a.Address)
		}
	}
	if in.ReplyTo != "" {
		answers, err := addresses("/replyTo", []string{in.ReplyTo})
		if err != nil {
			return nil, nil, err
		}
		m.ReplyToMailAddress(answers[0])
	}
	switch {
	case len(recipients) == 0:
		return nil, nil, network.Wrong("/to must name somebody")
	case len(recipients) > s.MaxRecipients:
		return nil, nil, network.TooMuch("%d recipients are more than the %d the adapter instance allows", len(recipients), s.MaxRecipients)
	}
	for _, line := range [][2]string{{"/subject", in.Subject}, {"/displayName", in.DisplayName}} {
		if strings.ContainsFunc(line[1], control) {
			return nil, nil, network.Wrong("%s must be one line", line[0])
		}
	}
	m.Subject(in.Subject)
	domain := from[0].Address[strings.LastIndexByte(from[0].Address, '@')+1:]
	sum := sha256.Sum256([]byte(key))
	m.SetMessageIDWithValue(hex.EncodeToString(sum[:16]) + "@" + domain)
	m.SetDate()
	in.text(m)
	if err := in.attach(m); err != nil {
		return nil, nil, err
	}
	if n, err := m.WriteTo(io.Discard); err != nil {
		return nil, nil, network.Wrong("the mail cannot be written: %v", err)
	} else if n > s.MaxBytes {
		return nil, nil, network.TooMuch("the mail has %d bytes, more than the %d the adapter instance allows", n, s.MaxBytes)
	}
	return m, recipients, nil
}

func control(r rune) bool { return r < ' ' || r == 0x7f }

var tag = regexp.MustCompile(`(?i)</?[a-z][a-z0-9]*(\s[^<>]*)?/?>`)

func (in *message) text(m *gomail.Msg) {
	if in.Type == "text" || in.Type == "" && !tag.MatchString(in.Body) {
		m.SetBodyString(gomail.TypeTextPlain, in.Body)
		return
	}
	if in.Text == "" {
		m.SetBodyString(gomail.TypeTextHTML, in.Body)
		return
	}
	m.SetBodyString(gomail.TypeTextPlain, in.Text)
	m.AddAlternativeString(gomail.TypeTextHTML, in.Body)
}

// list reads addresses as the canvas gives them; nothing and "" are none.
func list(place string, v value.Value) ([]*mail.Address, error) {
	var texts []string
	switch {
	case v.IsNothing():
	case v.IsString():
		texts = split(v.Text())
	case v.IsArray():
		for _, e := range v.Elements() {
			if !e.IsString() {
				return nil, network.Wrong("%s must be a list of addresses, not of %s", place, e.Kind())
			}
			texts = append(texts, split(e.Text())...)
		}
	default:
		return nil, network.Wrong("%s must be a list of addresses, not %s", place, v.Kind())
	}
	return addresses(place, texts)
}

// split cuts at commas and semicolons outside of quotes.
func split(text string) []string {
	quoted := false
	return strings.FieldsFunc(text, func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return !quoted && (r == ',' || r == ';')
	})
}

func addresses(place string, texts []string) ([]*mail.Address, error) {
	var out []*mail.Address
	for _, text := range texts {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		a, err := mail.ParseAddress(text)
		if err != nil || strings.ContainsFunc(a.Address, control) {
			return nil, network.Wrong("%s: %q is no mail address such as ada@example.com or Ada <ada@example.com>", place, text)
		}
		out = append(out, a)
	}
	return out, nil
}

type attachment struct {
	Filename    string `json:"filename"`
	Name        string `json:"name"` // another name of Filename
	Content     string `json:"content"`
	Encoding    string `json:"encoding"`
	ContentType string `json:"contentType"`
	CID         string `json:"cid"`
}

func (in *fullMessage) attach(m *gomail.Msg) error {
	v := in.Attachments
	if v.IsNothing() || v.IsString() && v.Text() == "" {
		return nil
	}
	if v.IsObject() {
		v = value.Array(v)
	}
	if !v.IsArray() {
		return network.Wrong("/attachments must be a list, not %s", v.Kind())
	}
	for i, e := range v.Elements() {
		place := "/attachments/" + value.Int(int64(i)).String()
		var a attachment
		if err := e.Decode(&a); err != nil || !e.IsObject() {
			return network.Wrong("%s must be an object with texts filename and content", place)
		}
		if a.Filename == "" {
			a.Filename = a.Name
		}
		switch {
		case !e.Get("content").IsString():
			return network.Wrong("%s/content must be a text: files of the server's own are not sent", place)
		case a.Filename == "" || strings.ContainsFunc(a.Filename, control):
			return network.Wrong("%s/filename must be a name", place)
		case strings.ContainsFunc(a.CID, func(r rune) bool { return control(r) || r == '<' || r == '>' }):
			return network.Wrong("%s/cid must be a name", place)
		}
		content := []byte(a.Content)
		switch a.Encoding {
		case "", "utf8", "utf-8":
		case "base64":
			var err error
			if content, err = base64.StdEncoding.DecodeString(a.Content); err != nil {
				return network.Wrong("%s/content is no base64: %v", place, err)
			}
		default:
			return network.Wrong("%s/encoding must be utf8 or base64, not %q", place, a.Encoding)
		}
		var options []gomail.FileOption
		if a.ContentType != "" {
			if _, _, err := mime.ParseMediaType(a.ContentType); err != nil {
				return network.Wrong("%s/contentType: %q is no media type", place, a.ContentType)
			}
			options = append(options, gomail.WithFileContentType(gomail.ContentType(a.ContentType)))
		}
		if a.CID != "" {
			m.EmbedReadSeeker(a.Filename, bytes.NewReader(content), append(options, gomail.WithFileContentID(a.CID))...)
			continue
		}
		m.AttachReadSeeker(a.Filename, bytes.NewReader(content), options...)
	}
	return nil
}
