"""The test network: real clients behind a real `sallyport run`, real servers outside, and a recorder of what leaves.

    sandbox(es)          host                          world
    sallyport run --+    this test process   veth      origins, a name server,
    (an ordinary    +--  192.0.2.2, loopback ------    a recorder of every packet
     user)               resolv.conf -> 8.8.4.4

`World` is made once for a test program, as root: the process moves into network and mount namespaces of its own, so that
nothing here touches the machine's network, and no packet can leave it. Addresses outside look public, because that is what
the address filter lets through; they are only in these namespaces.
"""
