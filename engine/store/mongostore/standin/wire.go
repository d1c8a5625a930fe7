package standin

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/wiremessage"
)

const (
	headerSize = 16
	maxMessage = 48_000_000
)

// opQuery is how a client says hello before it knows what the server speaks.
const opQuery wiremessage.OpCode = 2004

// request is one command as a client sent it.
type request struct {
	raw    []byte // the whole message
	id     int32
	legacy bool // an OP_QUERY, which only the first greeting uses
	doc    bsoncore.Document
	head   bsoncore.Document // doc without the document sequences
	rest   []byte            // the sections of those
}

// name returns the command's name.
func (r *request) name() string {
	e, err := r.doc.IndexErr(0)
	if err != nil {
		return ""
	}
	return e.Key()
}

// renamed returns the request with another command in place of its own, for
// commands that have no more to say than their name and their session.
func (r *request) renamed(name string) (*request, error) {
	elements, err := r.doc.Elements()
	if err != nil {
		return nil, err
	}
	at, b := bsoncore.AppendDocumentStart(nil)
	b = bsoncore.AppendInt32Element(b, name, 1)
	for _, e := range elements[1:] {
		b = append(b, e...)
	}
	doc, err := bsoncore.AppendDocumentEnd(b, at)
	return &request{raw: encode(r.id, 0, false, doc), id: r.id, doc: doc, head: doc}, err
}

func (r *request) text(key string) string {
	s, _ := r.doc.Lookup(key).StringValueOK() // empty where it is missing
	return s
}

func (r *request) is(key string, want bool) bool {
	b, ok := r.doc.Lookup(key).BooleanOK()
	return ok && b == want
}

func readMessage(from io.Reader) ([]byte, error) {
	var head [headerSize]byte
	if _, err := io.ReadFull(from, head[:]); err != nil {
		return nil, err
	}
	size := int(binary.LittleEndian.Uint32(head[:]))
	if size < headerSize || size > maxMessage {
		return nil, fmt.Errorf("message of %d bytes", size)
	}
	raw := make([]byte, size)
	copy(raw, head[:])
	_, err := io.ReadFull(from, raw[headerSize:])
	return raw, err
}

var errMessage = errors.New("message cannot be read")

// parse takes a message apart. Document sequences become members of the
// command, as if the client had put them there.
func parse(raw []byte) (*request, error) {
	_, id, _, op, rest, ok := wiremessage.ReadHeader(raw)
	if !ok {
		return nil, errMessage
	}
	r := &request{raw: raw, id: id}
	switch op {
	case opQuery:
		r.legacy = true
		end := bytes.IndexByte(rest[min(4, len(rest)):], 0) // of the collection's name, which follows the flags
		if end < 0 || len(rest) < 4+end+1+8 {
			return nil, errMessage
		}
		if r.doc, _, ok = bsoncore.ReadDocument(rest[4+end+1+8:]); !ok { // behind skip and limit
			return nil, errMessage
		}
		return r, nil
	case wiremessage.OpMsg:
		return r, r.sections(rest)
	}
	return nil, fmt.Errorf("%w: it is a %s", errMessage, op)
}

func (r *request) sections(rest []byte) error {
	flags, rest, ok := wiremessage.ReadMsgFlags(rest)
	if !ok || flags&wiremessage.ChecksumPresent != 0 {
		return errMessage
	}
	var sequences []byte
	for len(rest) > 0 {
		section := rest
		var kind wiremessage.SectionType
		if kind, rest, ok = wiremessage.ReadMsgSectionType(rest); !ok {
			return errMessage
		}
		if kind == wiremessage.SingleDocument {
			if r.doc, rest, ok = wiremessage.ReadMsgSectionSingleDocument(rest); !ok {
				return errMessage
			}
			continue
		}
		var key string
		var docs []bsoncore.Document
		if key, docs, rest, ok = wiremessage.ReadMsgSectionDocumentSequence(rest); !ok {
			return errMessage
		}
		r.rest = append(r.rest, section[:len(section)-len(rest)]...)
		at, b := bsoncore.AppendArrayElementStart(sequences, key)
		for i, d := range docs {
			b = bsoncore.AppendDocumentElement(b, fmt.Sprint(i), d)
		}
		var err error
		if sequences, err = bsoncore.AppendArrayEnd(b, at); err != nil {
			return err
		}
	}
	r.head = r.doc
	if sequences == nil {
		return nil
	}
	elements, err := r.doc.Elements()
	if err != nil {
		return err
	}
	at, b := bsoncore.AppendDocumentStart(nil)
	for _, e := range elements {
		b = append(b, e...)
	}
	r.doc, err = bsoncore.AppendDocumentEnd(append(b, sequences...), at)
	return err
}

// encode returns a message that carries one document and further sections.
func encode(id, to int32, legacy bool, doc []byte, sections ...byte) []byte {
	op := wiremessage.OpMsg
	if legacy {
		op = wiremessage.OpReply
	}
	at, b := wiremessage.AppendHeaderStart(nil, id, to, op)
	if legacy {
		b = wiremessage.AppendReplyFlags(b, wiremessage.AwaitCapable)
		b = wiremessage.AppendReplyCursorID(b, 0)
		b = wiremessage.AppendReplyStartingFrom(b, 0)
		b = wiremessage.AppendReplyNumberReturned(b, 1)
	} else {
		b = wiremessage.AppendMsgFlags(b, 0)
		b = wiremessage.AppendMsgSectionType(b, wiremessage.SingleDocument)
	}
	b = append(append(b, doc...), sections...)
	return bsoncore.UpdateLength(b, at, int32(len(b)))
}

// Failure returns the reply of a command that failed with the code and the
// error labels.
func Failure(code int, message string, labels ...string) bson.D {
	return bson.D{{Key: "ok", Value: 0.0}, {Key: "code", Value: code}, {Key: "codeName", Value: "StandIn"},
		{Key: "errmsg", Value: message}, {Key: "errorLabels", Value: labels}}
}
