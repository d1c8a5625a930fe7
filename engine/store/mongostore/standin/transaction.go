package standin

import (
	"errors"
	"fmt"
	"net"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// transaction is one under way. Only the holder of the turn has one.
type transaction struct {
	key    string // of session and number
	client net.Conn
	busy   bool // a command of it runs
	expire *time.Timer
	before []image // the first of each document, in the order of the writes
}

// image is what a document was before the transaction; nil if it was not.
type image struct {
	db, collection string
	id             bson.RawValue
	doc            bson.Raw
}

type outcome uint8

const (
	committed outcome = iota + 1
	aborted
)

const noSuchTransaction = 251

func gone(why string) (bsoncore.Document, error) {
	return bson.Marshal(Failure(noSuchTransaction, why, "TransientTransactionError"))
}

func success() (bsoncore.Document, error) { return bson.Marshal(bson.D{{Key: "ok", Value: 1.0}}) }

// command runs a command in its transaction, or by itself while there is
// none.
func (s *Server) command(client net.Conn, up *conn, r *request) (bsoncore.Document, error) {
	if !r.is("autocommit", false) {
		switch r.name() {
		case "endSessions", "ping":
			return success()
		}
		<-s.turn
		defer func() { s.turn <- struct{}{} }()
		return s.run(up, r)
	}
	key := string(r.doc.Lookup("lsid").Data) + r.doc.Lookup("txnNumber").String()
	if r.is("startTransaction", true) {
		<-s.turn
		s.begin(key)
	}
	t := s.enter(key, client)
	if t == nil {
		return s.over(key, r.name())
	}
	switch r.name() {
	case "commitTransaction":
		s.end(t, committed)
		return success()
	case "abortTransaction":
		err := s.undo(up, t)
		s.end(t, aborted)
		return bsoncore.Document(okay), err
	}
	reply, err := s.remember(up, t, r)
	if err == nil && reply == nil {
		reply, err = s.run(up, r)
	}
	if err != nil || failed(reply) {
		err = errors.Join(err, s.undo(up, t))
		s.end(t, aborted)
		return reply, err
	}
	s.exit(t)
	return reply, nil
}

var okay, _ = success() // cannot fail: it is constant

func (s *Server) run(up *conn, r *request) (bsoncore.Document, error) {
	doc, err := strip(r.head)
	if err != nil {
		return nil, err
	}
	return up.forward(encode(r.id, 0, false, doc, r.rest...))
}

func (s *Server) begin(key string) {
	t := &transaction{key: key}
	s.mu.Lock()
	s.open = t
	t.expire = time.AfterFunc(s.Patience, func() { s.abandon(t) })
	s.mu.Unlock()
}

// enter returns the open transaction if it is the one of the key.
func (s *Server) enter(key string, client net.Conn) *transaction {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil || s.open.key != key {
		return nil
	}
	s.open.client, s.open.busy = client, true
	return s.open
}

func (s *Server) exit(t *transaction) {
	s.mu.Lock()
	t.busy = false
	s.mu.Unlock()
}

// end passes the turn on.
func (s *Server) end(t *transaction, how outcome) {
	t.expire.Stop()
	s.mu.Lock()
	s.open, s.ended[t.key] = nil, how
	s.mu.Unlock()
	s.turn <- struct{}{}
}

// over answers a command whose transaction is not open.
func (s *Server) over(key, name string) (bsoncore.Document, error) {
	s.mu.Lock()
	how := s.ended[key]
	s.mu.Unlock()
	if how == committed && name == "commitTransaction" || how == aborted && name == "abortTransaction" {
		return success()
	}
	return gone("there is no such transaction, or it was aborted")
}

// leave aborts the transaction whose connection ended.
func (s *Server) leave(client net.Conn) {
	s.mu.Lock()
	t := s.open
	mine := t != nil && t.client == client
	s.mu.Unlock()
	if mine {
		s.abandon(t)
	}
}

// abandon aborts a transaction that nobody will end. One whose command still
// runs gets more time.
func (s *Server) abandon(t *transaction) {
	s.mu.Lock()
	if s.open != t || t.busy {
		if s.open == t {
			t.expire.Reset(s.Patience)
		}
		s.mu.Unlock()
		return
	}
	t.busy = true
	t.key += " abandoned" // nobody enters it any more
	s.mu.Unlock()
	if up, err := s.dial(); err == nil {
		_ = s.undo(up, t) // without the server there is nothing to undo
		_ = up.Close()
	}
	s.end(t, aborted)
}

// remember notes what the documents a command will write are now. A reply
// means that it cannot be undone and must not run.
func (s *Server) remember(up *conn, t *transaction, r *request) (bsoncore.Document, error) {
	list := map[string]string{"insert": "documents", "update": "updates", "delete": "deletes"}[r.name()]
	if list == "" {
		return nil, nil
	}
	array, ok := r.doc.Lookup(list).ArrayOK()
	if !ok {
		return bson.Marshal(Failure(9, r.name()+" has no "+list))
	}
	items, err := array.Values()
	if err != nil {
		return nil, err
	}
	for _, item := range items {
		doc, _ := item.DocumentOK()
		if list != "documents" {
			doc, _ = doc.Lookup("q").DocumentOK()
		}
		id, err := doc.LookupErr("_id")
		if err != nil || id.Type == bsoncore.TypeEmbeddedDocument {
			return bson.Marshal(Failure(9, "inside a transaction the stand-in takes only writes that name one _id"))
		}
		if err := t.keep(up, r.text("$db"), r.text(r.name()), bson.RawValue{Type: bson.Type(id.Type), Value: id.Data}); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func (t *transaction) keep(up *conn, db, collection string, id bson.RawValue) error {
	for _, m := range t.before {
		if m.db == db && m.collection == collection && m.id.Equal(id) {
			return nil
		}
	}
	reply, err := up.ask(bson.D{{Key: "find", Value: collection}, {Key: "filter", Value: bson.D{{Key: "_id", Value: id}}},
		{Key: "limit", Value: 1}, {Key: "singleBatch", Value: true}, {Key: "$db", Value: db}})
	if err != nil {
		return err
	}
	batch, ok := reply.Lookup("cursor", "firstBatch").ArrayOK()
	if !ok {
		return fmt.Errorf("find: %s", reply)
	}
	m := image{db: db, collection: collection, id: id}
	if v, err := batch.IndexErr(0); err == nil {
		m.doc = bson.Raw(v.Document())
	}
	t.before = append(t.before, m)
	return nil
}

// undo takes away all that the transaction wrote, then puts back what was
// there, so that unique values never clash on the way.
func (s *Server) undo(up *conn, t *transaction) error {
	for _, m := range t.before {
		if _, err := up.ask(bson.D{{Key: "delete", Value: m.collection}, {Key: "deletes", Value: bson.A{
			bson.D{{Key: "q", Value: bson.D{{Key: "_id", Value: m.id}}}, {Key: "limit", Value: 1}}}}, {Key: "$db", Value: m.db}}); err != nil {
			return err
		}
	}
	for _, m := range t.before {
		if m.doc == nil {
			continue
		}
		if _, err := up.ask(bson.D{{Key: "insert", Value: m.collection}, {Key: "documents", Value: bson.A{m.doc}},
			{Key: "$db", Value: m.db}}); err != nil {
			return err
		}
	}
	return nil
}
