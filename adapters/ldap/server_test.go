package ldap_test

import (
	"crypto/tls"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"github.com/heddlehq/heddle/adapters/adaptertest"
)

// server is a directory in memory that speaks as much LDAP as the adapter does.
type server struct {
	address string
	ca      string // PEM
	tls     *tls.Config
	// result answers an operation, by its application tag, instead of the directory; false leaves it to it
	result func(op ber.Tag) (code uint16, ok bool)
	silent ber.Tag // the operation that is never answered
	drop   ber.Tag // the operation at which the connection is cut

	mu      sync.Mutex
	entries map[string]map[string][]string
	heard   []string // filters and DNs
	pages   int
}

const (
	password = "opensesame"
	admin    = "cn=admin,dc=example,dc=com"
)

// start starts a directory with people; secured from the first byte if wanted.
func start(t *testing.T, secure bool) *server {
	t.Helper()
	s := &server{silent: 255, drop: 255, entries: map[string]map[string][]string{
		"dc=example,dc=com":           {"objectClass": {"domain"}},
		admin:                         {"objectClass": {"person"}, "userPassword": {password}},
		"uid=ada,dc=example,dc=com":   {"objectClass": {"person"}, "uid": {"ada"}, "cn": {"Ada (Countess) *"}, "userPassword": {"engine"}, "jpegPhoto": {"\xff\xd8\xff"}},
		"uid=grace,dc=example,dc=com": {"objectClass": {"person"}, "uid": {"grace"}, "cn": {"Grace"}, "mail": {"grace@example.com", "amazing@example.com"}},
	}}
	certificate, ca := adaptertest.Certificate(t)
	s.ca, s.tls = ca, &tls.Config{Certificates: []tls.Certificate{certificate}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.address = l.Addr().String()
	var all sync.WaitGroup
	var mu sync.Mutex
	var conns []net.Conn
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
			all.Go(func() {
				defer c.Close()
				if secure {
					s.serve(tls.Server(c, s.tls))
				} else {
					s.serve(c)
				}
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for _, c := range conns {
			c.Close()
		}
		mu.Unlock()
		all.Wait()
	})
	return s
}

func (s *server) serve(c net.Conn) {
	for {
		p, err := ber.ReadPacket(c)
		if err != nil || len(p.Children) < 2 {
			return
		}
		id, op := p.Children[0].Value.(int64), p.Children[1]
		switch op.Tag {
		case s.drop, ldap.ApplicationUnbindRequest:
			return
		case s.silent:
			continue
		case ldap.ApplicationExtendedRequest:
			s.answer(c, id, ldap.ApplicationExtendedResponse, ldap.LDAPResultSuccess, nil)
			c = tls.Server(c, s.tls)
			continue
		}
		if s.result != nil {
			if code, ok := s.result(op.Tag); ok {
				s.answer(c, id, op.Tag+1, code, nil)
				continue
			}
		}
		s.do(c, id, op, p)
	}
}

func (s *server) answer(c net.Conn, id int64, tag ber.Tag, code uint16, controls *ber.Packet) {
	r := ber.Encode(ber.ClassApplication, ber.TypeConstructed, tag, nil, "")
	r.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, int64(code), ""))
	r.AppendChild(text(""))
	r.AppendChild(text(""))
	s.send(c, id, r, controls)
}

func (s *server) send(c net.Conn, id int64, r, controls *ber.Packet) {
	p := ber.NewSequence("")
	p.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id, ""))
	p.AppendChild(r)
	if controls != nil {
		p.AppendChild(controls)
	}
	_, _ = c.Write(p.Bytes()) // who is gone needs no answer
}

func text(v string) *ber.Packet {
	return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, v, "")
}

func (s *server) do(c net.Conn, id int64, op, whole *ber.Packet) {
	s.mu.Lock()
	defer s.mu.Unlock()
	code, dn := uint16(ldap.LDAPResultSuccess), ""
	if op.Tag == ldap.ApplicationDelRequest {
		dn = op.Data.String()
	} else if op.Tag != ldap.ApplicationBindRequest {
		dn = op.Children[0].Value.(string)
	}
	e, known := s.entries[dn]
	switch op.Tag {
	case ldap.ApplicationBindRequest:
		e, known := s.entries[op.Children[1].Value.(string)]
		if !known || !slices.Contains(e["userPassword"], op.Children[2].Data.String()) {
			code = ldap.LDAPResultInvalidCredentials
		}
	case ldap.ApplicationSearchRequest:
		s.search(c, id, dn, op, whole)
		return
	case ldap.ApplicationAddRequest:
		if known {
			code = ldap.LDAPResultEntryAlreadyExists
			break
		}
		s.entries[dn] = map[string][]string{}
		for _, a := range op.Children[1].Children {
			s.entries[dn][a.Children[0].Value.(string)] = values(a.Children[1])
		}
	case ldap.ApplicationCompareRequest:
		code = ldap.LDAPResultCompareFalse
		if slices.Contains(e[op.Children[1].Children[0].Value.(string)], op.Children[1].Children[1].Value.(string)) {
			code = ldap.LDAPResultCompareTrue
		}
	default:
		if !known {
			code = ldap.LDAPResultNoSuchObject
			break
		}
		s.change(e, dn, op)
	}
	s.answer(c, id, op.Tag+1, code, nil)
}

// change changes an entry that exists.
func (s *server) change(e map[string][]string, dn string, op *ber.Packet) {
	switch op.Tag {
	case ldap.ApplicationDelRequest:
		delete(s.entries, dn)
	case ldap.ApplicationModifyRequest:
		for _, m := range op.Children[1].Children {
			name, given := m.Children[1].Children[0].Value.(string), values(m.Children[1].Children[1])
			switch m.Children[0].Value.(int64) {
			case ldap.AddAttribute:
				e[name] = append(e[name], given...)
			case ldap.DeleteAttribute:
				e[name] = slices.DeleteFunc(e[name], func(v string) bool { return len(given) == 0 || slices.Contains(given, v) })
			case ldap.ReplaceAttribute:
				e[name] = given
			}
		}
	case ldap.ApplicationModifyDNRequest:
		_, parent, _ := strings.Cut(dn, ",")
		if len(op.Children) > 3 {
			parent = op.Children[3].Data.String()
		}
		delete(s.entries, dn)
		s.entries[op.Children[1].Value.(string)+","+parent] = e
	}
}

func values(set *ber.Packet) []string {
	var out []string
	for _, v := range set.Children {
		out = append(out, v.Data.String())
	}
	return out
}

// search gives the entries that fit, in order and page by page.
func (s *server) search(c net.Conn, id int64, base string, op, whole *ber.Packet) {
	filter, err := ldap.DecompileFilter(op.Children[6])
	if err != nil {
		filter = err.Error()
	}
	s.heard = append(s.heard, filter)
	var fit []string
	for _, dn := range slices.Sorted(maps.Keys(s.entries)) {
		if strings.HasSuffix(dn, base) && fits(s.entries[dn], op.Children[6]) {
			fit = append(fit, dn)
		}
	}
	from, size := 0, len(fit)
	var controls *ber.Packet
	if len(whole.Children) > 2 {
		if control, err := ldap.DecodeControl(whole.Children[2].Children[0]); err == nil {
			if paging, ok := control.(*ldap.ControlPaging); ok {
				s.pages++
				size = int(paging.PagingSize)
				if len(paging.Cookie) > 0 {
					from = int(paging.Cookie[0])<<8 | int(paging.Cookie[1])
				}
				next := ldap.NewControlPaging(0)
				if to := from + size; to < len(fit) {
					next.SetCookie([]byte{byte(to >> 8), byte(to)})
				}
				controls = ber.Encode(ber.ClassContext, ber.TypeConstructed, 0, nil, "")
				controls.AppendChild(next.Encode())
			}
		}
	}
	for _, dn := range fit[from:min(from+size, len(fit))] {
		r := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationSearchResultEntry, nil, "")
		r.AppendChild(text(dn))
		attributes := ber.NewSequence("")
		for _, name := range slices.Sorted(maps.Keys(s.entries[dn])) {
			a, set := ber.NewSequence(""), ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
			a.AppendChild(text(name))
			for _, v := range s.entries[dn][name] {
				set.AppendChild(text(v))
			}
			a.AppendChild(set)
			attributes.AppendChild(a)
		}
		r.AppendChild(attributes)
		s.send(c, id, r, nil)
	}
	s.answer(c, id, ldap.ApplicationSearchResultDone, ldap.LDAPResultSuccess, controls)
}

// fits tells whether an entry fits a filter of the kinds that tests use.
func fits(e map[string][]string, f *ber.Packet) bool {
	switch f.Tag {
	case ldap.FilterAnd:
		return !slices.ContainsFunc(f.Children, func(c *ber.Packet) bool { return !fits(e, c) })
	case ldap.FilterOr:
		return slices.ContainsFunc(f.Children, func(c *ber.Packet) bool { return fits(e, c) })
	case ldap.FilterNot:
		return !fits(e, f.Children[0])
	case ldap.FilterPresent:
		return strings.EqualFold(f.Data.String(), "objectClass") || len(e[f.Data.String()]) > 0
	case ldap.FilterEqualityMatch:
		return slices.Contains(e[f.Children[0].Data.String()], f.Children[1].Data.String())
	case ldap.FilterSubstrings:
		part := f.Children[1].Children[0].Data.String()
		return slices.ContainsFunc(e[f.Children[0].Data.String()], func(v string) bool { return strings.Contains(v, part) })
	}
	return false
}
