//! Requirements of RFC 9240 on servers, in the order of the document.

use crate::requirement::requirements;

requirements! {
    "rfc9240"

    s3_2 "3.2":
        1 def ONE_DOMAIN "An entity belongs to one domain: asked for one domain, no other is answered";
    s3_2_1 "3.2.1":
        1 must DOMAIN_KNOWN "An entity domain type is registered or begins with `priv:`";
    s3_3 "3.3":
        1 must PROPERTY_KNOWN "An entity property type is registered or begins with `priv:`";
    s4_3 "4.3":
        1 must NAMED_RESOURCE "A property that depends on a resource is named with it: `pid` only as `<map>.pid`";
    s4_6_1 "4.6.1":
        1 def DEFINES "The resource that defines a domain is listed, and defines the entities itself";
    s5_1_1 "5.1.1":
        1 must DOMAIN_FORM "An entity domain type is 1 to 64 of [0-9A-Za-z:_-]";
        2 must ONE_COLON "An entity domain type has at most one colon";
        3 must COLON_OF_PRIVATE "The colon of an entity domain type is that of `priv:` at its beginning";
        4 must DOMAIN_PRIVATE "`priv:` of an entity domain type is followed by a name";
    s5_1_2 "5.1.2":
        1 must NO_DOT "A resource ID has no dot";
    s5_1_2_1 "5.1.2.1":
        1 must SPECIFIC_DOMAIN "A resource-specific domain is the ID of a resource, a dot, and a domain type";
    s5_1_2_3 "5.1.2.3":
        1 must SELF_DEFINED_DOMAIN "A domain that a map defines itself is a dot and a domain type, without its ID";
    s5_1_3 "5.1.3":
        1 def ENTITY "An entity is the name of a mapped domain, a colon, and an identifier of it";
        2 def SPELLINGS
            "Entities are compared by value: any spelling of an address means the same one, and counts once";
    s5_2_1 "5.2.1":
        1 must PROPERTY_FORM "An entity property type is 1 to 32 of [0-9A-Za-z:_-]";
        2 must PROPERTY_PRIVATE "`priv:` of an entity property type is followed by a name";
    s5_2_2 "5.2.2":
        1 def SPECIFIC_PROPERTY
            "A resource-specific property is the ID of a listed resource, a dot, and a property type";
        2 should SELF_DEFINED_PROPERTY "A property that a map defines itself is named without the ID of the map";
    s6_1_1 "6.1.1":
        1 def V4_LENGTH "An IPv4 address and its prefix of length 32 are one entity";
    s6_1_2 "6.1.2":
        1 def V6_LENGTH "An IPv6 address and its prefix of length 128 are one entity";
    s6_1_3 "6.1.3":
        1 def INHERITED
            "An address without a value of its own has that of the longest prefix around it that says something";
        2 must BETWEEN "A prefix without a value of its own has that of the longest shorter prefix around it";
        3 def NONE "An address that no prefix with the property contains has no value";
        4 may MAY_HAVE_NONE "A map may say that an entity has no value of a property";
        5 must NULL "An entity that has no value where it would inherit one is listed with null";
    s6_1_4 "6.1.4":
        1 must ADDRESSES_OF_MAP "Resource-specific domains of addresses are defined by a network map";
    s6_2_3 "6.2.3":
        1 def FLAT "PIDs inherit nothing: they have what the map lists";
    s6_2_4 "6.2.4":
        1 must PIDS_OF_MAP "Resource-specific domains of PIDs are defined by a network map";
    s7_1 "7.1":
        1 def WHOLE "A property map is fetched by GET as application/alto-propmap+json";
    s7_4 "7.4":
        1 def MAPPINGS "`mappings` is there, and has an array of at least one property for each entity domain";
    s7_5 "7.5":
        1 def USES "`uses` has every resource that `mappings` names, all in one directory";
    s7_6 "7.6":
        1 must TAGS "`meta.dependent-vtags` has the present version tags of all resources that the map uses";
        2 must ORDER "The order of `dependent-vtags` is that of `uses`";
        3 def FORM "`property-map` has an object of properties for each entity";
        4 def ONLY_MAPPED "Only domains of `mappings` appear, each with the properties mapped for it";
        6 must SAME_RESOURCE
            "Entities of a resource-specific domain have no properties that are specific to other resources";
        8 should COMPLETE "A whole map has every value that its filtered view has, itself or by inheritance";
    s8_2 "8.2":
        1 def FILTERED
            "A filtered property map takes application/alto-propmapparams+json and answers with a property map";
    s8_3 "8.3":
        1 must EVERYTHING "An empty list `entities` stands for all entities";
        3 must REPEATED_ENTITIES "Entities that are repeated count once";
        4 must ALL_PROPERTIES "An empty list `properties` stands for all properties";
        6 must REPEATED_PROPERTIES "Properties that are repeated count once";
        7 def NAMES "Without `properties`, each entity that has any is answered with an empty object, and no other";
        8 def USABLE "Without any entity and without `properties`, entities that can be asked for are listed";
    s8_6 "8.6":
        1 must ERRORS "A request that is wrong is refused with an ALTO error";
        2 must NEEDS_ENTITIES "A request without `entities` is refused with E_MISSING_FIELD";
        3 must DOMAIN "An entity of a domain that is not mapped is refused with E_INVALID_FIELD_VALUE";
        4 must IDENTIFIER "An identifier that is none of its domain is refused with E_INVALID_FIELD_VALUE";
        5 should ENTITY_NAMED "The refusal of an entity names it in `value`";
        6 def NO_PROPERTIES "A valid identifier without properties is no error: it is left out, or has none";
        7 must PROPERTY "A property that is not mapped is refused with E_INVALID_FIELD_VALUE";
        8 should PROPERTY_NAMED "The refusal of a property names it in `value`";
        9 must UNDEFINED "A mapped property that an entity has not is left out for it, and no error";
        10 should FIELD "Where a text could be an entity or a property, `field` tells which of the two is wrong";
        11 must ALL_TAGS "If any resource-agnostic entity is asked for, the tags of all resources in `uses` are there";
        12 must SOME_TAGS
            "For resource-specific entities the tags of the resources that define them and their properties are there";
        13 def ONLY_ASKED
            "Only properties that were asked for are answered, of entities that were asked for or lie inside";
        14 must ALL_PROPERTIES "Asked for a prefix, every property that any address in it has is answered";
        15 must ENOUGH "The value of every address in a prefix that was asked for follows from the answer alone";
        16 must WRITTEN_OUT
            "What is inherited from outside of a prefix that was asked for is written at what was asked for";
        17 must EXCEPTIONS "Entities inside a prefix that was asked for are listed where they differ";
        18 should COVERED "An entity that others in the answer cover completely is left out";
    s8_7 "8.7":
        1 must PID_OF_MAP "The property `pid` is defined by a network map, and its values are those of that map";
    s9_1 "9.1":
        1 def LEGACY "The endpoint property service gives the same `pid` of an address as the property map";
    s11 "11":
        1 should STREAMS "Changes of property maps can be had as a stream (RFC 8895)";
        4 should TLS "TLS 1.3 is used";
    s12_3_2 "12.3.2":
        1 must LENGTH "An address and its prefix of full length are one entity";

    @not_observable
        "5.1.1/5" "what a private name means is not said in any message";
        "5.1.4/1" "binds those who define domain types";
        "5.2.1/3" "what a private name means is not said in any message";
        "6.1.3/7" "allows null and nothing; either is taken";
        "6.1.3/9" "allows entities to be left out or listed; either is taken";
        "6.2.5/1" "equal values of a PID and its addresses may have been given to both";
        "6.2.5/2" "allows values to be given to both; nothing violates it";
        "6.3/1" "what a property is about is not said in any message";
        "7.6/9" "allows inherited values to be left out or listed; either is taken";
        "9.2/1" "says how names are read: values of `.x` in two maps may differ or agree";
        "11/2" "what is sensitive is for operators to say; that protected resources ask is rfc7285/15.3.2/2";
        "11/3" "a decision of operators about what to disclose";
        "12.3.1/1" "binds those who register domain types";
}
