/* promise.pml: Redis = fenced, versioned view + pending overlay; Postgres = the only judge.
 * 2 stateless servers, NK keys (requests), NP positions, crashes everywhere.
 * Configurations and ablations (-D...): see check.  Bounds by -D: NK NP STOCK MAXATT NREL NCRASH NFAULT NSYNC NPG NREP NRETRY
 * NGIVE (callers who leave before their commit is sent), NSOLD (requests for what was found empty, which skip the gate)
 * PLANS: routed requests. An attempt takes one unit of any position (its plan), another attempt with the key perhaps another
 * one's; the gate knows a hold by key and plan, Postgres a reservation by key.
 */
#ifndef NS
#define NS 2
#endif
#ifndef NK
#define NK 2
#endif
#ifndef NP
#define NP 1
#endif
#ifndef STOCK
#define STOCK 1
#endif
#ifndef MAXATT
#define MAXATT 2
#endif
#ifndef NREL
#define NREL 1
#endif
#ifndef NCRASH
#define NCRASH 1
#endif
#ifndef NFAULT
#define NFAULT 1
#endif
#ifndef NSYNC
#define NSYNC 1
#endif
#ifndef NPG
#define NPG 1
#endif
#ifndef NREP
#define NREP 1
#endif
#ifndef NRETRY
#define NRETRY 1
#endif
#ifndef NGIVE
#define NGIVE 0
#endif
#ifndef NSOLD
#define NSOLD 0
#endif
#ifndef NSTEAL
#define NSTEAL 2
#endif
#ifndef MAXE
#define MAXE 7
#endif
#define MAXV 8
#define B(i) (1<<(i))
#define IX(i,p) ((i)*NP+(p))
#define H(p,v) ((p)*MAXV+(v))
#if NP==1
#define NEEDS(k,p) true
#else
/* key 0 takes both positions, key 1 the first, key 2 the second */
#define NEEDS(k,p) ((k)==0 || (k)==(p)+1)
#endif
#ifdef PLANS
#if NK!=2 || NP!=2
#error PLANS is for two keys and two positions
#endif
/* holds: key + NK * plan */
#define TAKES(p) ((p)==pl)
#define HOLD B(k+NK*pl)
#ifdef ONEHOLD
#define SAME_HOLD (B(k)|B(k+NK))
#else
#define SAME_HOLD HOLD
#endif
/* rows of an earlier commit, at positions that this attempt is about */
#define REPLAYS(p) ((p)==pl && rp[k]==pl)
#define PEND(i,p) (((pend[i]>>(NK*(p)))&1) + ((pend[i]>>(NK*(p)+1))&1))
#else
#define TAKES(p) NEEDS(k,p)
#define REPLAYS(p) NEEDS(k,p)
#define HOLD B(k)
#define SAME_HOLD HOLD
#if NK==2
#define PEND(i,p) ((((pend[i]>>0)&1)*(NEEDS(0,p)->1:0)) + (((pend[i]>>1)&1)*(NEEDS(1,p)->1:0)))
#define INFL(i,p) ((((pend[i]>>0)&1)*((NEEDS(0,p)&&rs[0]==0)->1:0)) + (((pend[i]>>1)&1)*((NEEDS(1,p)&&rs[1]==0)->1:0)))
#else
#define PEND(i,p) ((((pend[i]>>0)&1)*(NEEDS(0,p)->1:0)) + (((pend[i]>>1)&1)*(NEEDS(1,p)->1:0)) + (((pend[i]>>2)&1)*(NEEDS(2,p)->1:0)))
#define INFL(i,p) ((((pend[i]>>0)&1)*((NEEDS(0,p)&&rs[0]==0)->1:0)) + (((pend[i]>>1)&1)*((NEEDS(1,p)&&rs[1]==0)->1:0)) + (((pend[i]>>2)&1)*((NEEDS(2,p)&&rs[2]==0)->1:0)))
#endif
#endif

/* ---- Postgres: durable ---- */
byte epoch_pg = 1;
byte held[NP]; byte ver[NP];
byte hist[NP*MAXV];          /* free after version v: position_ledger.free_after */
byte rs[NK];                 /* 0 none, 1 held, 2 released/expired */
byte rv[NK*NP];                /* version at which key k's commit moved position p (ledger, by batch) */
byte nres[NK];               /* how often key k took stock */
#ifdef PLANS
byte rp[NK];                 /* the position that key k's commit took its unit of */
#endif
byte sh = 0;                 /* holders of the shared advisory lock */
byte exO = 0;                /* owner+1 of the exclusive advisory lock */

/* ---- Redis instances 0,1 ; index 2 = replica / AOF copy ---- */
byte prim = 0; byte nrid = 1;
byte rid[2] ; byte orid[MAXE+1];  /* replid of the instance; replid inside script text of epoch e */
byte scr[2];                 /* script cache, one bit an epoch: volatile */
byte ekey[3]; byte has[3]; byte pend[3]; byte done[3];
byte w[3*NP]; byte x[3*NP]; short f[3*NP];

/* ---- clients, ghosts, budgets ---- */
byte att[NK]; byte acked = 0; byte relq = NREL;
byte ncrash = NCRASH, nfault = NFAULT, nsync = NSYNC, npg = NPG, nrep = NREP, nretry = NRETRY;
#if NGIVE>0
byte ngive = NGIVE;
#endif
#if NSOLD>0
byte nsold = NSOLD;
#endif
#ifdef STEAL
byte nsteal = NSTEAL;
#endif
bool ghost_uncovered = false;   /* a reap or a lone eviction happened */
bool ghost_fault = false;
byte busy = 0;

#if defined(NOFENCE)
#define SCRIPT_OK(c,e) true
#elif defined(EVALFALLBACK)
#define SCRIPT_OK(c,e) (ekey[c]==(e))
#elif defined(NORID)
#define SCRIPT_OK(c,e) ((scr[c] & B(e)) && ekey[c]==(e))
#else
#define SCRIPT_OK(c,e) ((scr[c] & B(e)) && ekey[c]==(e) && rid[c]==orid[e])
#endif

/* S4, exact drift at the vector watermark: f == free_after(w) + sum of deltas of x */
inline check_view(c_) {
  atomic {
    lp = 0;
    do
    :: lp < NP ->
       if
       :: has[c_] & B(lp) ->
          acc = hist[H(lp,w[IX(c_,lp)])]; lv = w[IX(c_,lp)]+1;
          do
          :: lv < MAXV -> if :: (x[IX(c_,lp)] & B(lv)) -> acc = acc + hist[H(lp,lv)] - hist[H(lp,lv-1)] :: else fi; lv++
          :: else -> break
          od;
          assert(f[IX(c_,lp)] == acc)          /* S4 */
       :: else
       fi; lp++
    :: else -> break
    od; lp = 0; lv = 0; acc = 0
  }
}
inline clear_data(c_) { atomic {
  ekey[c_]=0; has[c_]=0; pend[c_]=0; done[c_]=0; lp=0;
  do :: lp<NP -> w[IX(c_,lp)]=0; x[IX(c_,lp)]=0; f[IX(c_,lp)]=0; lp++ :: else -> break od; lp=0 } }
inline copy_data(a_,b_) { atomic {
  ekey[b_]=ekey[a_]; has[b_]=has[a_]; pend[b_]=pend[a_]; done[b_]=done[a_]; lp=0;
  do :: lp<NP -> w[IX(b_,lp)]=w[IX(a_,lp)]; x[IX(b_,lp)]=x[IX(a_,lp)]; f[IX(b_,lp)]=f[IX(a_,lp)]; lp++ :: else -> break od; lp=0 } }

/* settle one position in Redis: (version, delta, free after) */
inline settle_pos(c_,p_,v_,d_,fa_) {
  if
  :: !(has[c_] & B(p_)) -> has[c_] = has[c_] | B(p_); w[IX(c_,p_)]=v_; x[IX(c_,p_)]=0; f[IX(c_,p_)]=fa_
  :: else ->
#if defined(ABSSETTLE)
     if :: v_ > w[IX(c_,p_)] -> w[IX(c_,p_)]=v_; f[IX(c_,p_)]=fa_ :: else fi
#elif defined(NOVER)
     f[IX(c_,p_)] = f[IX(c_,p_)] + (d_)
#else
     if
     :: v_ <= w[IX(c_,p_)] || (x[IX(c_,p_)] & B(v_)) -> skip      /* already applied */
     :: else ->
        f[IX(c_,p_)] = f[IX(c_,p_)] + (d_); x[IX(c_,p_)] = x[IX(c_,p_)] | B(v_);
        do
        :: x[IX(c_,p_)] & B(w[IX(c_,p_)]+1) -> x[IX(c_,p_)] = x[IX(c_,p_)] & ~B(w[IX(c_,p_)]+1); w[IX(c_,p_)]=w[IX(c_,p_)]+1
        :: else -> break
        od
     fi
#endif
  fi
}

#define RES 0
#define REL 1
#define oNONE 0
#define oOK 1
#define oDUP 2
#define oREF 3
#define oGONE 4
#if NSOLD>0
#define SOLD_RESET sp=0; sfree=0; skey=0; just=false;
#else
#define SOLD_RESET
#endif
#if NSOLD>0 && defined(FROMMEMORY)
#define SOLD_FORGET seen=0;
#else
#define SOLD_FORGET
#endif
#ifdef PLANS
#define PLAN_RESET pl=0; tries=0; room=0; pkey=0; just=false;
#else
#define PLAN_RESET
#endif
#define CRASH (ncrash>0) -> ncrash--; ghost_fault=true; goto crashed

proctype Server() {
  byte e = 1, k = 0, c = 0, p = 0, out = 0, mp = 0, lver = 0, lfree = 0, ne = 0, mk = 0, orid_l = 0;
  byte vv[NP]; byte fa[NP];
  bool cs = false, nomark = false, op = RES, mine = false;
  byte lp = 0, lv = 0; short acc = 0;
  bit ok = 0; bit dup = 0;
#ifdef PLANS
  byte pl = 0, tries = 0, room = 0; bit pkey = 0;
  bool just = false;             /* ghost: at a moment of this attempt its key was not committed and no plan had room */
#endif
#if NSOLD>0
  byte sp = 0; short sfree = 0; bit skey = 0;
  bool just = false;             /* ghost: at a moment of this attempt its key was not committed and the position had no room */
#ifdef FROMMEMORY
  byte seen = 0;                /* positions that this server found empty */
#endif
#endif

end_idle:
  atomic {
    if
    :: att[0] < MAXATT && rs[0] != 2 -> k=0; op=RES; att[0]++
    :: att[1] < MAXATT && rs[1] != 2 -> k=1; op=RES; att[1]++
#if NK>2
    :: att[2] < MAXATT && rs[2] != 2 -> k=2; op=RES; att[2]++
#endif
    :: relq>0 && rs[0]==1 -> k=0; op=REL; relq--
    :: relq>0 && rs[1]==1 -> k=1; op=REL; relq--
#if NK>2
    :: relq>0 && rs[2]==1 -> k=2; op=REL; relq--
#endif
    fi;
    busy++; cs = (rs[k]==1); nomark=false; out=oNONE; dup=0;
#ifdef RELFIRST
    if :: op==REL -> goto settle :: else fi;
#endif
    if :: op==REL -> goto begin :: else fi;
#ifdef PLANS
    /* the planner's figures are hints: any plan may come out */
    if :: pl=0 :: pl=1 fi;
#endif
#if NSOLD>0
    /* The code goes this way for a position that it found empty a moment ago; here for any, at any time: nothing
       that holds may depend on how fresh that memory is. */
    if
    :: nsold>0 && NEEDS(k,0) -> nsold--; sp=0; goto sold
#if NP>1
    :: nsold>0 && NEEDS(k,1) -> nsold--; sp=1; goto sold
#endif
    :: true -> skip
    fi
#endif
  }

#if NSOLD>0
#define NO_ROOM (STOCK-held[sp] < 1)
sold:                                       /* a barrier without a gate: positions first ... */
  atomic {
    if
    :: CRASH
#ifdef FROMMEMORY
    :: (seen & B(sp)) -> sfree=0; goto sold2
    :: !(seen & B(sp)) ->
#else
    :: true ->
#endif
       just = just || (rs[k]==0 && NO_ROOM);
#ifdef KEYSFIRST
       skey = (rs[k]!=0)
#else
       sfree = STOCK-held[sp]
#endif
    fi
  }
sold2:                                      /* ... keys last: a statement of its own, with a snapshot of its own */
  atomic {
    if
    :: CRASH
    :: true ->
       just = just || (rs[k]==0 && NO_ROOM);
#ifdef KEYSFIRST
       sfree = STOCK-held[sp];
#else
       skey = (rs[k]!=0);
#endif
       if
       :: skey -> if :: rs[k]==1 -> acked = acked | B(k) :: else fi; goto answered
       :: !skey && sfree<1 ->
#ifdef FROMMEMORY
          seen = seen | B(sp);
#endif
          assert(!(cs && rs[k]==1));       /* S3b */
          assert(just);                    /* S3c: a refusal was true at a moment of the attempt: key and stock at the same moment */
          goto answered
       :: !skey && sfree>=1 -> sfree=0; just=false; sp=0; goto admit
       fi
    fi
  }
#endif

admit:                                      /* EVALSHA admit(e) on connection c : one atomic script */
  atomic {
    if
    :: CRASH
    :: !SCRIPT_OK(c,e) -> goto fence                                /* NOSCRIPT or STALE */
    :: SCRIPT_OK(c,e) && (done[c] & HOLD) && !nomark -> goto pgread
    :: SCRIPT_OK(c,e) && (!(done[c] & HOLD) || nomark) && (pend[c] & SAME_HOLD) -> goto begin
    :: SCRIPT_OK(c,e) && (!(done[c] & HOLD) || nomark) && !(pend[c] & SAME_HOLD) ->
       p = 0; ok = 1; mp = NP;
       do
       :: p<NP -> if
                  :: TAKES(p) && !(has[c] & B(p)) -> mp = p
                  :: TAKES(p) && (has[c] & B(p)) && (f[IX(c,p)] - PEND(c,p) < 1) -> ok = 0
                  :: else
                  fi; p++
       :: else -> break
       od; p = 0;
       if
       :: mp < NP -> goto load
       :: mp == NP && !ok ->
#if defined(S5)
          /* no spurious refusal in a fault-free run: some position truly has no room */
          atomic { lp=0; ok=0; do :: lp<NP -> if :: TAKES(lp) && (STOCK - held[lp] - INFL(c,lp) < 1) -> ok=1 :: else fi; lp++ :: else -> break od; lp=0; }
          assert(ok || ghost_fault);
#endif
#ifdef PLANS
          goto prove
#else
          goto barrier
#endif
       :: mp == NP && ok ->
          pend[c] = pend[c] | HOLD;
          if
          :: nretry>0 -> nretry--; goto admit        /* reply lost: ask again */
#if NGIVE>0
          :: ngive>0 -> ngive--; goto giveback       /* the caller has gone: nothing is sent to Postgres */
#endif
          :: goto begin
          fi
       fi
    fi
  }

#if NGIVE>0
giveback:                                   /* the end of a hold that this attempt took and nobody will commit; lost with its server */
  atomic {
    if
    :: CRASH
    :: true ->
       if
       :: SCRIPT_OK(c,e) ->
          pend[c] = pend[c] & ~HOLD;
          ghost_uncovered = true           /* another attempt may share the hold: then its commit is judged by Postgres alone */
#ifdef GIVEFREE
          ; p=0; do :: p<NP -> if :: TAKES(p) && (has[c]&B(p)) -> f[IX(c,p)]=f[IX(c,p)]+1 :: else fi; p++ :: else -> break od; p=0; check_view(c)
#endif
       :: else -> skip
       fi;
       goto answered
    fi
  }
#endif

pgread:                                     /* marker found: the answer is in Postgres */
  atomic {
    if
    :: CRASH
    :: rs[k]==1 -> acked = acked | B(k); goto answered
    :: rs[k]==2 -> goto answered
    :: rs[k]==0 -> nomark=true; goto admit
    fi
  }

load:                                       /* lazy load of one position: read PG ... */
  atomic { if :: CRASH :: lver = ver[mp]; lfree = STOCK - held[mp] fi }
load2:                                      /* ... then write it if nobody has */
  atomic {
    if
    :: CRASH
    :: true ->
       if
       :: SCRIPT_OK(c,e) && !(has[c] & B(mp)) ->
          has[c] = has[c] | B(mp); w[IX(c,mp)]=lver; x[IX(c,mp)]=0; f[IX(c,mp)]=lfree; check_view(c)
       :: else
       fi; lver=0; lfree=0; mp=0;
       goto admit
    fi
  }

begin:                                      /* PG batch: one function call: shared advisory lock, look at the epoch, decide, commit */
  atomic {
    if
    :: CRASH
#if defined(NOLOCK) || defined(NOPGEPOCH)
    :: true ->
#else
    :: exO==0 ->                            /* waits while a reopening holds the exclusive lock */
#endif
       if
       :: op==REL -> e = epoch_pg
#if defined(NOPGEPOCH) || defined(NOFENCE)
       :: op==RES -> skip
#else
       :: op==RES && epoch_pg==e -> skip
       :: op==RES && epoch_pg!=e -> e = epoch_pg; c = prim; goto admit
#endif
       fi
    fi;
#if defined(ACKEARLY)
    if :: op==RES -> acked = acked | B(k) :: else fi;
#endif
#if defined(NOLOCK)
    goto exec                               /* ablation: the epoch check and the commit come apart */
#endif
#if defined(SPLIT)
    sh++; mine=true; goto exec              /* same protocol, lock made visible: bump must wait for sh==0 */
#endif
#if defined(NOLOCK) || defined(SPLIT)
  }
exec:
  atomic {
#endif
    if
    :: npg>0 -> npg--; ghost_fault=true;                     /* PG crash: rolled back, server tries again */
       if :: mine -> sh--; mine=false :: else fi; goto begin
    :: ncrash>0 -> ncrash--; ghost_fault=true;               /* server dies, batch rolled back */
       if :: mine -> sh--; mine=false :: else fi; goto crashed
    :: true ->
       if
       :: op==REL && rs[k]==1 ->
#ifdef PLANS
          pl=rp[k];
#endif
          rs[k]=2; p=0;
          do
          :: p<NP && TAKES(p) -> held[p]--; ver[p]++; hist[H(p,ver[p])] = STOCK-held[p]; vv[p]=ver[p]; fa[p]=STOCK-held[p]; p++
          :: p<NP && !TAKES(p) -> p++
          :: p==NP -> break
          od; p=0; out=oOK
       :: op==REL && rs[k]!=1 -> out=oGONE
#ifdef NOUNIQ
       :: op==RES ->
#else
       :: op==RES && rs[k]!=0 -> out = (rs[k]==1 -> oDUP : oGONE); p=0;
          do :: p<NP && REPLAYS(p) -> vv[p]=rv[k*NP+p]; fa[p]=hist[H(p,rv[k*NP+p])]; p++ :: p<NP && !REPLAYS(p) -> p++ :: p==NP -> break od; p=0
       :: op==RES && rs[k]==0 ->
#endif
          p=0; ok=1;
          do :: p<NP -> if :: TAKES(p) && held[p]+1 > STOCK -> ok=0 :: else fi; p++ :: else -> break od; p=0;
#ifdef NOCHECK
          ok=1;
#endif
          if
          :: ok -> rs[k]=1; nres[k]++; p=0;
#ifdef PLANS
             rp[k]=pl;
#endif
             do
             :: p<NP && TAKES(p) -> held[p]++; ver[p]++; hist[H(p,ver[p])] = STOCK-held[p]; vv[p]=ver[p]; fa[p]=STOCK-held[p]; rv[k*NP+p]=ver[p];
                                      assert(held[p] <= STOCK);             /* S1 */
                                      p++
             :: p<NP && !TAKES(p) -> p++
             :: p==NP -> break
             od; p=0; out=oOK;
             assert(nres[k] <= 1)                                           /* S3a */
          :: !ok -> out=oREF;
#ifdef COVERED
             assert(ghost_uncovered);       /* the fence: an admitted request is never refused by PG */
#endif
             assert(!(cs && rs[k]==1))
          fi
       fi;
       if :: mine -> sh--; mine=false :: else fi;
       if
       :: npg>0 && out==oOK -> npg--; ghost_fault=true; out=oNONE; goto begin        /* committed, reply lost: same key again */
       :: ncrash>0 -> ncrash--; ghost_fault=true; goto crashed                       /* committed, server dies before it hears */
       :: true -> ok=0;
          if
          :: op==RES && (out==oOK || out==oDUP) -> assert(rs[k]!=0); acked = acked | B(k)   /* S1/S2: ack only what is durable */
          :: else
          fi
       fi
    fi
  }

settle:                                     /* EVALSHA settle(e): idempotent, any order */
  atomic {
    if
    :: CRASH
    :: true ->
       if
       :: !SCRIPT_OK(c,e) && c!=prim -> c = prim; goto settle
       :: !SCRIPT_OK(c,e) && c==prim -> skip             /* lost cache: the next epoch loads it from PG */
       :: SCRIPT_OK(c,e) ->
#ifdef RELFIRST
          if :: op==REL && out==oNONE -> p=0; do :: p<NP -> if :: TAKES(p) && (has[c]&B(p)) -> f[IX(c,p)]=f[IX(c,p)]+1 :: else fi; p++ :: else -> break od; p=0; goto begin :: else fi;
#endif
          if
          :: out==oOK -> p=0;
             do
             :: p<NP && TAKES(p) ->
                if :: op==RES -> settle_pos(c,p,vv[p],-1,fa[p]) :: op==REL -> settle_pos(c,p,vv[p],1,fa[p]) fi; p++
             :: p<NP && !TAKES(p) -> p++
             :: p==NP -> break
             od; p=0;
             if :: op==RES -> pend[c] = pend[c] & ~HOLD; done[c] = done[c] | HOLD :: else fi
          :: out==oDUP || (out==oGONE && op==RES) ->       /* committed by another attempt: replay its ledger rows (never create), then its hold is covered */
#ifdef DUPKEEP
             done[c] = done[c] | HOLD                       /* first idea: leave the pending entry alone; orphan when this very attempt took it */
#else
#ifndef DUPUNPEND
             p=0;
             do
             :: p<NP && REPLAYS(p) -> if :: (has[c] & B(p)) -> settle_pos(c,p,vv[p],-1,fa[p]) :: else fi; p++
             :: p<NP && !REPLAYS(p) -> p++
             :: p==NP -> break
             od; p=0;
#endif
             pend[c] = pend[c] & ~HOLD; done[c] = done[c] | HOLD
#endif
          :: out==oGONE && op==REL -> skip
          :: out==oREF -> pend[c] = pend[c] & ~HOLD; ghost_uncovered = true
          fi;
          check_view(c);
          if :: nretry>0 -> nretry--; goto settle :: true fi      /* reply lost: sent again */
       fi
    fi
  }
progress_ans: answered:
  atomic { busy--; SOLD_RESET PLAN_RESET atomic { p=0;k=0;out=0;ok=0;dup=0;cs=false;nomark=false;op=RES;mp=0; lp=0; do :: lp<NP -> vv[lp]=0; fa[lp]=0; lp++ :: else -> break od; lp=0 }; goto end_idle }

#ifdef PLANS
#define NO_PLAN (held[0]>=STOCK && held[1]>=STOCK)
prove:                                      /* every position that a plan could use, at one snapshot ... */
  atomic {
    if
    :: CRASH
#ifdef NOPROOF
    :: true -> assert(!(cs && rs[k]==1)); goto answered
#endif
    :: true ->
       just = just || (rs[k]==0 && NO_PLAN);
#ifdef PLANKEYSFIRST
       pkey = (rs[k]!=0)
#else
       room = ((held[0]<STOCK) -> 1 : 0) + ((held[1]<STOCK) -> 2 : 0)
#endif
    fi
  }
prove2:                                     /* ... then the key, at one of its own: another attempt may have taken what is missing */
  atomic {
    if
    :: CRASH
    :: true ->
       just = just || (rs[k]==0 && NO_PLAN);
#ifdef PLANKEYSFIRST
       room = ((held[0]<STOCK) -> 1 : 0) + ((held[1]<STOCK) -> 2 : 0);
#else
       pkey = (rs[k]!=0);
#endif
       tries++;
       if
       :: pkey -> if :: rs[k]==1 -> acked = acked | B(k) :: else fi; goto answered
       :: !pkey && room==0 ->
          assert(!(cs && rs[k]==1));       /* S3b */
          assert(just);                    /* S3c: there was no plan at a moment of the attempt */
          goto answered
       :: !pkey && room!=0 && tries>1 -> goto answered                 /* contended: come again */
       :: !pkey && (room & 1) && tries<=1 -> pl=0; room=0; goto admit
       :: !pkey && (room & 2) && tries<=1 -> pl=1; room=0; goto admit
       fi
    fi
  }
#endif

barrier:                                    /* a refusal too must be proven: epoch read in PG begun after the script said no */
  atomic {
    if
    :: CRASH
#ifdef NOBARRIER
    :: true ->
#else
    :: epoch_pg!=e -> e = epoch_pg; c = prim; goto admit
    :: epoch_pg==e ->
#endif
#ifdef PGCONFIRM
       if :: rs[k]!=0 -> goto pgread :: else fi;
#endif
       assert(!(cs && rs[k]==1));           /* S3b: never say no to the owner of a committed reservation */
       goto answered
    fi
  }

fence:                                      /* NOSCRIPT / STALE */
  atomic {
    if
    :: CRASH
    :: c!=prim -> c = prim; e = epoch_pg; goto admit
    :: c==prim && epoch_pg!=e -> e = epoch_pg; goto admit        /* somebody reopened: EVALSHA only, never SCRIPT LOAD */
    :: c==prim && epoch_pg==e && exO==0 && sh==0 -> exO=_pid+1   /* exclusive advisory lock: waits for batches in flight */
#ifdef STEAL
    :: c==prim && epoch_pg==e && exO!=0 && nsteal>0 -> nsteal--; exO=_pid+1   /* pg_terminate_backend of a holder that takes too long */
#endif
    fi;
#ifdef NOPROBE
    goto info
  }
#else
    goto probe
  }
probe:                                      /* under the lock: is it really closed?  without this two servers bump each other for ever */
  atomic {
    if
    :: ncrash>0 -> ncrash--; if :: exO==_pid+1 -> exO=0 :: else fi; goto crashed
    :: SCRIPT_OK(c,e) -> if :: exO==_pid+1 -> exO=0 :: else fi; goto admit
    :: !SCRIPT_OK(c,e) -> skip
    fi
  }
#endif
info:                                       /* INFO replication: replid goes into the script text */
  atomic {
    if
    :: ncrash>0 -> ncrash--; if :: exO==_pid+1 -> exO=0 :: else fi; goto crashed
    :: true -> orid_l = rid[c]
    fi
  }
bump:                                       /* one UPDATE: epoch+1 and its replid */
  atomic {
    if
    :: ncrash>0 -> ncrash--; if :: exO==_pid+1 -> exO=0 :: else fi; goto crashed
    :: exO!=_pid+1 -> orid_l=0; e=epoch_pg; c=prim; goto admit       /* our backend was terminated */
    :: exO==_pid+1 ->
       assert(epoch_pg < MAXE);
       epoch_pg++; ne = epoch_pg; orid[ne] = orid_l; orid_l = 0; mk = 0;
#if !defined(NOMARK) && !defined(PGCONFIRM) && !defined(PLANS)   /* markers have the key, holds of plans another name */
       atomic { lp=0; do :: lp<NK -> if :: rs[lp]!=0 -> mk = mk | B(lp) :: else fi; lp++ :: else -> break od; lp=0 }
#endif
    fi
  }
open:                                       /* EVAL text(ne, replid) "open": caches the script and opens, one command, sent once */
  atomic {
    if
    :: ncrash>0 -> ncrash--; if :: exO==_pid+1 -> exO=0 :: else fi; goto crashed
    :: true ->
       scr[c] = scr[c] | B(ne);
#ifdef NORID
       if
       :: ekey[c] < ne -> clear_data(c); ekey[c]=ne; done[c]=mk
       :: else
       fi;
#else
       if
       :: rid[c]==orid[ne] && ekey[c] < ne -> clear_data(c); ekey[c]=ne; done[c]=mk
       :: else
       fi;
#endif
#ifdef OPENRETRY
       if :: nretry>0 -> nretry--; c = prim; orid[ne]=rid[c]; goto open :: true fi;
#endif
       if :: exO==_pid+1 -> exO=0 :: else fi;
       e = ne; ne=0; mk=0; goto admit
    fi
  }
crashed:
  atomic { busy--; SOLD_RESET PLAN_RESET SOLD_FORGET e = epoch_pg; c = prim; atomic { p=0;k=0;out=0;ok=0;dup=0;cs=false;nomark=false;op=RES;mp=0;lver=0;lfree=0;ne=0;mk=0;orid_l=0; lp=0; do :: lp<NP -> vv[lp]=0; fa[lp]=0; lp++ :: else -> break od; lp=0 }; goto end_idle }
}

/* faults of Redis, at any moment */
proctype Chaos() {
  byte lp = 0; byte np = 0;
end_c:
  do
  :: atomic { nsync>0 && nfault>0 -> nsync--; copy_data(prim,2) }
  :: atomic { nfault>0 -> nfault--; ghost_fault=true;
     if
#ifndef ONLYFAILOVER
     :: clear_data(prim); scr[prim]=0; nrid++; rid[prim]=nrid                          /* restart, empty */
     :: copy_data(2,prim); scr[prim]=0; nrid++; rid[prim]=nrid                         /* restart, stale */
     :: clear_data(prim)                                                               /* FLUSHALL: script cache stays */
#ifdef EVICT
     :: has[prim] = has[prim] & ~1; ghost_uncovered=true                               /* one position key lost */
#endif
#endif
#ifndef NOFAILOVER
     :: np = 1-prim; copy_data(2,np); nrid++; rid[np]=nrid; prim=np; np=0              /* failover to a lagging replica; the old one lives on; script cache of a former primary stays */
#endif
     fi }
  :: atomic { nfault>0 -> nfault=0 }                                                   /* or nothing more happens */
#if MAXATT>1
  :: atomic { att[0]>0 && att[0]<MAXATT -> att[0]=MAXATT }                             /* the client gives up */
  :: atomic { att[1]>0 && att[1]<MAXATT -> att[1]=MAXATT }
#if NK>2
  :: atomic { att[2]>0 && att[2]<MAXATT -> att[2]=MAXATT }
#endif
#endif
  od
}

/* the healer: read Redis, read PG, write Redis; three steps, any interleaving */
byte rL=0, rcom=0, rold=0, rc=0, re=0; byte rver[NP]; byte rfree[NP];
#define R_READ  re = epoch_pg; rc = prim; rL = (SCRIPT_OK(rc,re) -> pend[rc] : 0)
inline r_pg(all_) { atomic {
   lp=0; do :: lp<NP -> rver[lp]=ver[lp]; rfree[lp]=STOCK-held[lp]; lp++ :: else -> break od; lp=0;
   rcom=0;
#ifndef PLANS                                /* Postgres does not know the names of these holds */
   do :: lp<NK -> if :: (rL & B(lp)) && rs[lp]!=0 -> rcom = rcom | B(lp) :: else fi; lp++ :: else -> break od; lp=0;
#endif
   if :: all_ -> rold = rL & ~rcom :: else -> rold = 0 fi } }
inline r_write() {
   if
   :: SCRIPT_OK(rc,re) ->
      atomic {
      lp=0;
      do
      :: lp<NP ->
         if
         :: has[rc]&B(lp) -> lv = w[IX(rc,lp)]+1;
            do
            :: lv <= rver[lp] ->
               if
               :: (x[IX(rc,lp)] & B(lv)) -> skip
               :: lv <= w[IX(rc,lp)] -> skip
               :: else -> settle_pos(rc,lp,lv,hist[H(lp,lv)]-hist[H(lp,lv-1)],hist[H(lp,lv)])
               fi; lv++
            :: else -> break
            od; lv=0
         :: else
         fi; lp++
      :: else -> break
      od; lp=0;
         pend[rc] = pend[rc] & ~rcom;
         done[rc] = done[rc] | rcom;
         if :: (pend[rc] & rold) -> ghost_uncovered = true :: else fi;
         pend[rc] = pend[rc] & ~rold;
#ifndef REAPDROP
         done[rc] = done[rc] | rold;      /* "ask Postgres" marker, not "committed" */
#endif
      };
      check_view(rc)
   :: else
   fi;
   rL=0; rcom=0; rold=0; rc=0; re=0; atomic { lp=0; do :: lp<NP -> rver[lp]=0; rfree[lp]=0; lp++ :: else -> break od; lp=0 }
}
proctype Healer() {
  byte lp=0, lv=0; short acc=0; bool ok=false; byte fin=0;
end_h:
  do
#ifndef NOREAP
  :: atomic { nrep>0 -> nrep--; R_READ; };
     atomic { if
#ifndef NOTTL
              :: r_pg(true)          /* all uncommitted pending found old: TTL shorter than any stall */
#endif
              :: r_pg(false) fi };
     atomic { r_write() }
#endif
  :: atomic { nrep>0 -> nrep=0 }
  :: atomic { timeout ->             /* nobody can move: quiescence */
     assert(busy==0 && sh==0 && exO==0);
     if
     :: SCRIPT_OK(prim,epoch_pg) ->
#ifndef NOREAP
        R_READ; r_pg(true); r_write();
#endif
        lp=0;
        do
        :: lp<NP ->
           if
           :: has[prim]&B(lp) ->
              assert(w[IX(prim,lp)]==ver[lp] && x[IX(prim,lp)]==0 && f[IX(prim,lp)]==STOCK-held[lp]);   /* S4 converges */
              assert(f[IX(prim,lp)]-PEND(prim,lp) == STOCK-held[lp])                                     /* L1 nothing stays unsellable */
           :: else
           fi; lp++
        :: else -> break
        od; lp=0
     :: else                         /* closed gate: the next request bumps the epoch; nothing loaded, nothing wrong */
     fi;
     lp=0; do :: lp<NK -> assert(!(acked & B(lp)) || rs[lp]!=0); lp++ :: else -> break od; lp=0;          /* S2 */
     break }
  od
}

/* the auditor: two reads, no lock, any time */
proctype Auditor() {
  byte aw; short af;
end_a:
  atomic { SCRIPT_OK(prim,epoch_pg) && (has[prim]&1) && x[IX(prim,0)]==0 -> aw = w[IX(prim,0)];
#ifdef RACYAUDIT
    af = f[IX(prim,0)] - PEND(prim,0)
#else
    af = f[IX(prim,0)]
#endif
  };
#ifdef RACYAUDIT
  assert(af == STOCK - held[0])        /* the usual check: read one, read the other, compare */
#else
  assert(af == hist[H(0,aw)])          /* compare with the ledger row of the version that Redis said it had */
#endif
}
init { atomic { byte q=0;
  do :: q<NP -> hist[H(q,0)]=STOCK; q++ :: else -> break od;
  rid[0]=1; rid[1]=0; orid[1]=1; scr[0]=B(1); ekey[0]=1;
  run Server(); run Server(); run Chaos(); run Healer();
#if defined(RACYAUDIT) || defined(EXACTAUDIT)
  run Auditor();
#endif
 } }
