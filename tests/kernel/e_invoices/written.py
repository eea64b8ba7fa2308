"""E-invoices as programs write them, made up for the tests."""

FINVOICE = """<?xml version="1.0" encoding="ISO-8859-15"?>
<Finvoice Version="{version}">
 <SellerPartyDetails><SellerPartyIdentifier>2345678-0</SellerPartyIdentifier>
  <SellerOrganisationName>Esimerkki Myyjä Oy</SellerOrganisationName><SellerOrganisationTaxCode>FI23456780</SellerOrganisationTaxCode>
 </SellerPartyDetails>
 <BuyerPartyDetails><BuyerOrganisationName>Ostaja Oy</BuyerOrganisationName></BuyerPartyDetails>
 <InvoiceDetails><InvoiceTypeCode>{kind}</InvoiceTypeCode><InvoiceNumber>1001</InvoiceNumber>
  <InvoiceDate Format="CCYYMMDD">20260115</InvoiceDate>
  <InvoiceTotalVatExcludedAmount AmountCurrencyIdentifier="EUR">{sign}149,93</InvoiceTotalVatExcludedAmount>
  <InvoiceTotalVatAmount AmountCurrencyIdentifier="EUR">{sign}23,99</InvoiceTotalVatAmount>
  <InvoiceTotalVatIncludedAmount AmountCurrencyIdentifier="EUR">{sign}173,92</InvoiceTotalVatIncludedAmount>
  <VatSpecificationDetails><VatBaseAmount AmountCurrencyIdentifier="EUR">{sign}31,13</VatBaseAmount><VatRatePercent>25,50</VatRatePercent>
   <VatRateAmount AmountCurrencyIdentifier="EUR">{sign}7,93</VatRateAmount></VatSpecificationDetails>
  <VatSpecificationDetails><VatBaseAmount AmountCurrencyIdentifier="EUR">{sign}118,80</VatBaseAmount><VatRatePercent>13,50</VatRatePercent>
   <VatRateAmount AmountCurrencyIdentifier="EUR">{sign}16,06</VatRateAmount></VatSpecificationDetails>
  <PaymentTermsDetails><InvoiceDueDate Format="CCYYMMDD">20260129</InvoiceDueDate></PaymentTermsDetails></InvoiceDetails>
 <EpiDetails><EpiPartyDetails><EpiBeneficiaryPartyDetails>
   <EpiAccountID IdentificationSchemeName="IBAN">FI2112345600000785</EpiAccountID></EpiBeneficiaryPartyDetails></EpiPartyDetails>
  <EpiPaymentInstructionDetails><EpiRemittanceInfoIdentifier IdentificationSchemeName="SPY">1232</EpiRemittanceInfoIdentifier>
   <EpiInstructedAmount AmountCurrencyIdentifier="EUR">{sign}173,92</EpiInstructedAmount></EpiPaymentInstructionDetails></EpiDetails>
</Finvoice>"""
ENVELOPE = """<?xml version="1.0" encoding="UTF-8"?>
<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/"><SOAP-ENV:Body/></SOAP-ENV:Envelope>
"""
UBL = """<?xml version="1.0" encoding="UTF-8"?>
<{root} xmlns="urn:oasis:names:specification:ubl:schema:xsd:{root}-2"
 xmlns:cac="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
 xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">
 <cbc:ID>2002</cbc:ID><cbc:IssueDate>2026-01-15</cbc:IssueDate><cbc:DueDate>2026-01-29</cbc:DueDate>
 <cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>
 <cac:AccountingSupplierParty><cac:Party><cac:PartyName><cbc:Name>Seller</cbc:Name></cac:PartyName>
  <cac:PartyTaxScheme><cbc:CompanyID>{vat_id}</cbc:CompanyID></cac:PartyTaxScheme>
  <cac:PartyLegalEntity><cbc:RegistrationName>Seller Ltd</cbc:RegistrationName></cac:PartyLegalEntity></cac:Party>
 </cac:AccountingSupplierParty>
 <cac:AccountingCustomerParty><cac:Party><cac:PartyLegalEntity><cbc:RegistrationName>Ostaja Oy</cbc:RegistrationName></cac:PartyLegalEntity>
  </cac:Party></cac:AccountingCustomerParty>
 <cac:PaymentMeans><cbc:PaymentMeansCode>30</cbc:PaymentMeansCode><cbc:PaymentID>RF111232</cbc:PaymentID>
  <cac:PayeeFinancialAccount><cbc:ID>FI2112345600000785</cbc:ID></cac:PayeeFinancialAccount></cac:PaymentMeans>
 <cac:TaxTotal><cbc:TaxAmount currencyID="EUR">{tax}</cbc:TaxAmount><cac:TaxSubtotal>
  <cbc:TaxableAmount currencyID="EUR">100.00</cbc:TaxableAmount><cbc:TaxAmount currencyID="EUR">{tax}</cbc:TaxAmount>
  <cac:TaxCategory><cbc:ID>{category}</cbc:ID><cbc:Percent>{rate}</cbc:Percent>
   <cac:TaxScheme><cbc:ID>{scheme}</cbc:ID></cac:TaxScheme></cac:TaxCategory></cac:TaxSubtotal></cac:TaxTotal>
 <cac:LegalMonetaryTotal><cbc:TaxExclusiveAmount currencyID="EUR">100.00</cbc:TaxExclusiveAmount>
  <cbc:TaxInclusiveAmount currencyID="EUR">{total}</cbc:TaxInclusiveAmount><cbc:PayableAmount currencyID="EUR">{total}</cbc:PayableAmount>
 </cac:LegalMonetaryTotal></{root}>"""


def finvoice(version: str = "3.0", *, kind: str = "INV01", sign: str = "", envelope: bool = False) -> bytes:
    """Return a Finvoice as a bank delivers it."""
    return (ENVELOPE if envelope else "").encode() + FINVOICE.format(version=version, kind=kind, sign=sign).encode("iso-8859-15")


def ubl(
    root: str = "Invoice",
    *,
    vat_id: str = "FI23456780",
    rate: str = "25.5",
    tax: str = "25.50",
    total: str = "125.50",
    category: str = "S",
    scheme: str = "VAT",
) -> bytes:
    """Return an invoice in UBL."""
    return UBL.format(root=root, vat_id=vat_id, rate=rate, tax=tax, total=total, category=category, scheme=scheme).encode()
