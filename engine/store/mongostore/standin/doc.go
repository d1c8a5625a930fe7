// Package standin makes a one-member replica set with transactions out of a
// server that speaks the MongoDB protocol but knows neither, so that
// mongostore is tested on the very path it takes in production. It is for
// tests only.
//
// A transaction holds the whole server: it begins when no other command runs,
// and others wait until it has ended. What its writes replaced is remembered
// and put back when it is aborted, when one of its writes meets an error,
// when it takes too long, and when its connection ends. So atomicity,
// isolation and visibility are real; what MongoDB does beyond them is not
// there: no write conflict between transactions ever arises, a write
// repeated by the client is not recognised, nothing survives the server, and
// read and write concerns mean nothing.
//
// In front of a server that is a replica set already, commands pass
// unchanged. Either way [Options.Fault] can make any of them fail, which
// brings about the errors a healthy server does not show.
package standin
