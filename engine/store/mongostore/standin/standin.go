package standin

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// Options shape a server. The zero value is right for most tests.
type Options struct {
	// Patience bounds how long a transaction may hold the server; 0 means ten
	// seconds.
	Patience time.Duration
	// Fault is asked about each command before it runs; nil lets it run. It
	// must be safe for concurrent use.
	Fault func(command bson.Raw) *Fault
}

// Fault says how a command fails.
type Fault struct {
	// Ran lets the command take effect before it fails. A commit that fails
	// without aborts its transaction.
	Ran bool
	// Reply is the answer; nil ends the connection without one.
	Reply bson.D
}

// Server stands between clients and the server it makes up for.
type Server struct {
	Options
	upstream string
	listener net.Listener
	passing  bool // upstream has transactions of its own
	wire     int32

	turn chan struct{} // holds a token while nobody works

	mu    sync.Mutex
	open  *transaction // the one that holds the turn
	ended map[string]outcome
	conns map[net.Conn]struct{}
	done  sync.WaitGroup
}

// Serve answers on the listener with the help of the server at the address
// upstream. The caller must Close it.
func Serve(listener net.Listener, upstream string, o Options) (*Server, error) {
	if o.Patience <= 0 {
		o.Patience = 10 * time.Second
	}
	s := &Server{Options: o, upstream: upstream, listener: listener, turn: make(chan struct{}, 1),
		ended: map[string]outcome{}, conns: map[net.Conn]struct{}{}}
	s.turn <- struct{}{}
	c, err := s.dial()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	hello, err := c.ask(bson.D{{Key: "isMaster", Value: 1}, {Key: "$db", Value: "admin"}})
	if err != nil {
		return nil, fmt.Errorf("greet %s: %w", upstream, err)
	}
	_, s.passing = hello.Lookup("setName").StringValueOK()
	if s.wire = 17; s.passing { // 17 is MongoDB 6.0
		s.wire, _ = hello.Lookup("maxWireVersion").Int32OK()
	}
	s.done.Go(s.accept)
	return s, nil
}

// Addr returns the address clients connect to.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Close ends all connections and with them their transactions.
func (s *Server) Close() error {
	err := s.listener.Close()
	s.mu.Lock()
	for c := range s.conns {
		_ = c.Close() // its goroutine sees the end
	}
	s.mu.Unlock()
	s.done.Wait()
	return err
}

func (s *Server) accept() {
	for {
		c, err := s.listener.Accept()
		if err != nil {
			return // closed
		}
		s.mu.Lock()
		s.conns[c] = struct{}{}
		s.mu.Unlock()
		s.done.Go(func() {
			s.serve(c)
			_ = c.Close() // the client is gone or is to be
			s.mu.Lock()
			delete(s.conns, c)
			s.mu.Unlock()
		})
	}
}

// serve answers one client until its connection ends.
func (s *Server) serve(client net.Conn) {
	up, err := s.dial()
	if err != nil {
		return
	}
	defer up.Close()
	defer s.leave(client)
	for {
		raw, err := readMessage(client)
		if err != nil {
			return
		}
		r, err := parse(raw)
		if err != nil {
			return
		}
		reply, err := s.answer(client, up, r)
		if err != nil {
			return
		}
		if _, err := client.Write(encode(r.id, r.id, r.legacy, reply)); err != nil {
			return
		}
	}
}

var errCut = errors.New("the connection is to end")

func (s *Server) answer(client net.Conn, up *conn, r *request) (bsoncore.Document, error) {
	switch r.name() {
	case "hello", "isMaster", "ismaster":
		return s.hello()
	}
	var fault *Fault
	if s.Fault != nil {
		fault = s.Fault(bson.Raw(r.doc))
	}
	var reply bsoncore.Document
	if aborts := fault != nil && !fault.Ran && r.name() == "commitTransaction"; fault == nil || fault.Ran || aborts {
		var err error
		if aborts {
			if r, err = r.renamed("abortTransaction"); err != nil {
				return nil, err
			}
		}
		if s.passing {
			reply, err = up.forward(r.raw)
		} else {
			reply, err = s.command(client, up, r)
		}
		if err != nil {
			return nil, err
		}
	}
	switch {
	case fault == nil:
		return reply, nil
	case fault.Reply == nil:
		return nil, errCut
	}
	return bson.Marshal(fault.Reply)
}

func (s *Server) hello() (bsoncore.Document, error) {
	return bson.Marshal(bson.D{
		{Key: "helloOk", Value: true}, {Key: "ismaster", Value: true}, {Key: "isWritablePrimary", Value: true},
		{Key: "setName", Value: "standin"}, {Key: "setVersion", Value: 1}, {Key: "hosts", Value: bson.A{s.Addr()}},
		{Key: "me", Value: s.Addr()}, {Key: "primary", Value: s.Addr()},
		{Key: "maxBsonObjectSize", Value: 16 << 20}, {Key: "maxMessageSizeBytes", Value: maxMessage}, {Key: "maxWriteBatchSize", Value: 100_000},
		{Key: "localTime", Value: time.Now()}, {Key: "logicalSessionTimeoutMinutes", Value: 30},
		{Key: "minWireVersion", Value: 0}, {Key: "maxWireVersion", Value: s.wire}, {Key: "ok", Value: 1.0},
	})
}

// conn is a connection to the server behind.
type conn struct{ net.Conn }

func (s *Server) dial() (*conn, error) {
	c, err := net.Dial("tcp", s.upstream)
	if err != nil {
		return nil, err
	}
	return &conn{c}, nil
}

// forward sends a message and returns the document that answers it.
func (c *conn) forward(raw []byte) (bsoncore.Document, error) {
	if _, err := c.Write(raw); err != nil {
		return nil, err
	}
	answer, err := readMessage(c)
	if err != nil {
		return nil, err
	}
	r, err := parse(answer)
	if err != nil {
		return nil, err
	}
	return r.doc, nil
}

// ask runs a command of our own.
func (c *conn) ask(command bson.D) (bsoncore.Document, error) {
	doc, err := bson.Marshal(command)
	if err != nil {
		return nil, err
	}
	reply, err := c.forward(encode(1, 0, false, doc))
	if err != nil {
		return nil, err
	}
	if failed(reply) {
		return nil, fmt.Errorf("%s: %s", command[0].Key, reply)
	}
	return reply, nil
}

// failed reports whether a reply tells of an error.
func failed(reply bsoncore.Document) bool {
	ok, _ := reply.Lookup("ok").AsFloat64OK()
	_, err := reply.LookupErr("writeErrors")
	return ok != 1 || err == nil
}

// strip returns the command without what belongs to sessions, transactions
// and concerns.
func strip(doc bsoncore.Document) (bsoncore.Document, error) {
	elements, err := doc.Elements()
	if err != nil {
		return nil, err
	}
	at, b := bsoncore.AppendDocumentStart(make([]byte, 0, len(doc)))
	for _, e := range elements {
		switch e.Key() {
		case "lsid", "txnNumber", "startTransaction", "autocommit", "readConcern", "writeConcern", "$clusterTime", "$readPreference":
		default:
			b = append(b, e...)
		}
	}
	return bsoncore.AppendDocumentEnd(b, at)
}
